"""What Supervisor relies on, of the real supervisord and of the one that its tests use."""

import shutil
import subprocess
import time

import pytest

from init_fakes import CONF, Supervisord
from toque.node.inits.daemon import NoAnswer, Refused
from toque.node.inits.supervisord import Supervisord as Client
from toque.node.memory import MemorySystem

MAIN = """\
[unix_http_server]
file={top}/s
[supervisord]
logfile={top}/log
pidfile={top}/pid
childlogdir={top}
nodaemon=true
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[include]
files = {top}/conf.d/*.conf
"""


class Real:
    """A supervisord that runs in a temporary directory."""

    def __init__(self, top):
        self.top = top
        (top / "conf.d").mkdir()
        config = top / "main.conf"
        config.write_text(MAIN.format(top=top))
        self.process = subprocess.Popen(
            ["supervisord", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.client = Client(str(top / "s"))
        for _ in range(2400):
            if (top / "s").exists():
                return
            time.sleep(0.05)
        raise AssertionError((top / "log").read_text())

    def write(self, name, text):
        (self.top / "conf.d" / f"{name}.conf").write_text(text)

    def end(self):
        self.process.terminate()
        self.process.wait()


class Fake:
    def __init__(self):
        self.system = MemorySystem()
        self.client = Supervisord()
        self.client.on(self.system)

    def write(self, name, text):
        self.system.put(f"{CONF}/{name}.conf", text.encode())

    def end(self):
        pass


def real(tmp_path):
    if shutil.which("supervisord") is None:
        pytest.skip("there is no supervisord on this machine")
    return Real(tmp_path)


@pytest.fixture(params=["real", "fake"])
def one(request, tmp_path):
    made = real(tmp_path) if request.param == "real" else Fake()
    yield made
    made.end()


@pytest.fixture
def running(tmp_path):
    made = real(tmp_path)
    yield made
    made.end()


def program(name, command="/bin/sleep 600", **settings):
    rest = {"autostart": "false", "startsecs": 0, **settings}
    lines = "".join(f"{key}={value}\n" for key, value in rest.items())
    return f"[program:{name}]\ncommand={command}\n{lines}"


def state(one, name="toy"):
    return one.client.programs()[name].state


def until(one, *states, name="toy"):
    for _ in range(2400):
        found = one.client.programs()[name]
        if found.state in states:
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def fault(act, *arguments):
    with pytest.raises(Refused) as caught:
        act(*arguments)
    return caught.value.fault


def test_a_text_is_named_until_it_is_added_and_again_when_it_changes(one):
    one.write("toy", program("toy"))
    assert one.client.programs() == {}
    assert one.client.reread() == {"toy"}
    one.client.add("toy")
    assert one.client.reread() == frozenset()
    assert fault(one.client.add, "toy") == "ALREADY_ADDED"
    one.write("toy", program("toy", "/bin/sleep 601"))
    assert one.client.reread() == {"toy"}
    one.client.remove("toy")
    assert one.client.programs() == {}


def test_a_program_is_started_and_stopped_once(one):
    one.write("toy", program("toy"))
    one.client.reread()
    one.client.add("toy")
    assert state(one) == "STOPPED"
    assert fault(one.client.stop, "toy") == "NOT_RUNNING"
    one.client.start("toy")
    assert until(one, "RUNNING").pid
    assert fault(one.client.start, "toy") == "ALREADY_STARTED"
    assert fault(one.client.remove, "toy") == "STILL_RUNNING"
    one.client.stop("toy")
    assert until(one, "STOPPED").pid == 0
    assert fault(one.client.start, "nosuch") == "BAD_NAME"


def test_one_that_is_enabled_starts_when_it_is_added(one):
    one.write("toy", program("toy", autostart="true"))
    one.client.reread()
    one.client.add("toy")
    until(one, "RUNNING")


def test_a_start_has_a_process_at_once_and_its_end_is_seen(running):
    """What the rehearsal of a release stands on: no start goes by unseen."""
    running.write("toy", program("toy", "/bin/sleep 2", startsecs=600, startretries=9))
    running.client.reread()
    running.client.add("toy")
    running.client.start("toy")

    first = running.client.programs()["toy"]
    assert (first.state, first.pid > 0) == ("STARTING", True)
    ended = until(running, "BACKOFF")
    assert (ended.pid, ended.said[:19]) == (0, "Exited too quickly ")
    assert until(running, "STARTING").pid != first.pid
    assert fault(running.client.start, "toy") == "ALREADY_STARTED"


def test_one_that_had_proved_itself_is_started_again_as_another_process(running):
    running.write("toy", program("toy", "/bin/sleep 600", autorestart="true"))
    running.client.reread()
    running.client.add("toy")
    running.client.start("toy")
    first = until(running, "RUNNING")
    running.client.signal("toy", "KILL")

    for _ in range(2400):
        found = running.client.programs()["toy"]
        if found.pid not in (0, first.pid):
            return
        time.sleep(0.05)
    raise AssertionError(found)


def test_one_that_waits_for_its_next_try_stops_at_once(running):
    running.write("toy", program("toy", "/bin/false", startsecs=600, startretries=9))
    running.client.reread()
    running.client.add("toy")
    running.client.start("toy")
    until(running, "BACKOFF")
    assert fault(running.client.start, "toy") == "ALREADY_STARTED"
    running.client.stop("toy")
    assert state(running) == "STOPPED"


def test_a_configuration_that_cannot_be_read_is_a_fault_that_quotes_it(running):
    running.write("toy", "[program:toy]\n")
    with pytest.raises(Refused, match="program:toy") as caught:
        running.client.reread()
    assert caught.value.fault == "CANT_REREAD"
    assert fault(running.client.signal, "toy", "HUP") == "BAD_NAME"


def test_one_that_does_not_listen_is_named_by_its_socket(tmp_path):
    with pytest.raises(NoAnswer, match=str(tmp_path / "none")):
        Client(str(tmp_path / "none")).programs()
