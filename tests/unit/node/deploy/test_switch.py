"""Instance, Current, Retired and Releases with real processes under an init system made here."""

import grp
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from toque.node import history
from toque.node import rehearsal as ahead
from toque.node.errors import StepFailed
from toque.node.evidence import cause
from toque.node.inits import UnitState
from toque.node.probe import Answer
from toque.node.resources import current, instance, releases, retired
from toque.node.resources.current import Current
from toque.node.resources.instance import Instance
from toque.node.resources.releases import Releases, kept_releases, list_releases, surplus_releases
from toque.node.resources.retired import Retired
from toque.node.sockets import Traffic, look, ports, traffic

OLD, NEW = "aaaaaaaaaaaa-000001", "bbbbbbbbbbbb-000002"
TOY = Path(__file__).with_name("toy_server.py")
GROUP = "games" if os.geteuid() == 0 else grp.getgrgid(os.getgid()).gr_name
ALL = frozenset({"exists", "answering", "release", "enabled", "running", "surplus"})


class ToyInit:
    """Starts a toy server per unit; ``how`` says what each does."""

    name = "systemd"

    def __init__(self, system):
        self.system = system
        self.how = {}
        self.processes = {}
        self.enabled = set()
        self.known = set()  # of these, what was told when the init last looked
        self.calls = []

    def socket(self, unit):
        directory = Path(self.system.top, "run", unit.removesuffix(".service"))
        directory.mkdir(exist_ok=True)
        return str(directory / "app.sock")

    def state(self, unit):
        process = self.processes.get(unit)
        file = "enabled" if unit in self.known else "disabled"
        if process is None:
            return UnitState(unit, "loaded", file=file)
        if process.poll() is not None:
            return UnitState(unit, "loaded", "failed", "failed", file, exit_status=process.poll())
        return UnitState(unit, "loaded", "active", "running", file, pid=process.pid)

    def start(self, unit):
        self.calls.append(("start", unit))
        if self.state(unit).running:
            return
        if os.geteuid() == 0:
            self._group(unit)  # before there can be a socket, as an init makes RuntimeDirectory=
        command = [sys.executable, TOY, self.socket(unit), self.how.get(unit, "good")]
        with Path(self.system.top, f"{unit}.log").open("wb") as log:
            self.processes[unit] = subprocess.Popen(command, stdout=log, stderr=log)

    launch = start

    def prefetch(self, units):
        pass

    def _group(self, unit):
        # New sockets belong to the group of a set-group-id directory.
        directory = Path(self.socket(unit)).parent
        subprocess.run(["chgrp", GROUP, directory], check=True)
        directory.chmod(0o2755)

    def stop(self, unit):
        self.calls.append(("stop", unit))
        process = self.processes.pop(unit, None)
        if process is not None:
            process.terminate()
            process.wait()

    def discard(self, unit, patience_s):
        self.stop(unit)

    def restart(self, unit):
        self.stop(unit)
        self.start(unit)

    def enable(self, unit, later=False):
        self.calls.append(("enable", unit))
        self.enabled.add(unit)

    def disable(self, unit, later=False):
        self.calls.append(("disable", unit))
        self.enabled.discard(unit)

    def catch_up(self):
        self.calls.append(("catch_up",))
        self.known = set(self.enabled)

    def unload(self, unit):
        self.calls.append(("unload", unit))

    def log(self, unit, lines=40):
        path = Path(self.system.top, f"{unit}.log")
        return path.read_text().splitlines()[-lines:] if path.exists() else []


@pytest.fixture
def init(system, monkeypatch):
    made = ToyInit(system)
    for module in (instance, current, retired, releases):
        monkeypatch.setattr(module, "choose", lambda _: made)
    # Sockets are bound below a temporary directory, and that is what ss shows.
    monkeypatch.setattr(
        retired, "socket_path", lambda app, release: f"{system.top}/run/{app}-{release}/app.sock"
    )
    yield made
    for unit in list(made.processes):
        made.stop(unit)


def unit(release):
    return f"shop-{release}.service"


@pytest.fixture
def released(system):
    """``released(ID, created)``: a release with its unit file, environment and venv."""

    def make(release, created="2024-01-01", venv="KEY"):
        own = Path(system.top, "srv/www/shop/releases", release, ".toque")
        own.mkdir(parents=True)
        (own / "release.json").write_text(
            json.dumps({"id": release, "commit": release[:12] + "0" * 28, "created": created})
        )
        (own / "venv").symlink_to(f"../../../venvs/{venv}")
        Path(system.top, "srv/www/shop/venvs", venv).mkdir(exist_ok=True)
        Path(system.top, "etc/systemd/system", unit(release)).write_text("[Service]\n")
        for name in (f"{release}.env", f"{release}.ini"):
            Path(system.top, "etc/toque/apps/shop", name).write_text("")

    return make


@pytest.fixture
def rehearsal(system, init, ids):
    def make(release=NEW, **options):
        wanted = Instance(
            unit=unit(release),
            host="shop.example",
            group=ids["group"],
            release=f"/srv/www/shop/releases/{release}",
            current="/srv/www/shop/current",
            **{"socket": init.socket(unit(release)), "timeout_s": 20.0, **options},
        )
        wanted.validate()
        return wanted

    return make


def failure(system, wanted):
    with pytest.raises(StepFailed) as caught:
        wanted.fix(system, ALL)
    assert wanted.found(system) == {"answering": False}
    return caught.value


# The rehearsal


def test_an_instance_that_answers_well_stays_up(system, init, rehearsal):
    wanted = rehearsal()

    assert wanted.found(system) == {"answering": False}
    wanted.fix(system, ALL)

    assert wanted.found(system) == wanted.wanted()


def test_an_answer_counts_before_supervisor_calls_its_program_running(
    system, init, rehearsal, monkeypatch
):
    said = init.state

    def starting(name):
        state = said(name)
        return replace(state, active="activating", sub="starting") if state.running else state

    monkeypatch.setattr(init, "state", starting)
    wanted = rehearsal()

    wanted.fix(system, ALL)

    assert wanted.found(system) == wanted.wanted()
    assert ("stop", unit(NEW)) not in init.calls


def test_good_answers_have_to_come_in_a_row(system, init, rehearsal):
    init.how[unit(NEW)] = "flaky"  # bad, good, bad, bad, good ...

    rehearsal().fix(system, ALL)

    assert init.state(unit(NEW)).running


def test_a_killed_instance_is_started_again(system, init, rehearsal):
    """R33"""
    wanted = rehearsal()
    wanted.fix(system, ALL)
    init.processes[unit(NEW)].kill()
    init.processes[unit(NEW)].wait()

    assert wanted.found(system) == {"answering": False}
    wanted.fix(system, ALL)

    assert wanted.found(system) == wanted.wanted()


def test_an_instance_that_a_killed_run_left_in_a_bad_state_is_started_anew(system, init, rehearsal):
    init.how[unit(NEW)] = "500"
    init.start(unit(NEW))
    waiting(system, init.socket(unit(NEW)), lambda traffic: traffic.listening)
    init.how[unit(NEW)] = "good"  # what its settings say by now
    wanted = rehearsal()

    wanted.fix(system, ALL)

    assert wanted.found(system) == wanted.wanted()
    assert wanted.verbs == ()  # nothing may restart what serves: another content, another release


def test_one_that_was_started_ahead_is_tried_as_any_other_and_not_started_twice(
    system, init, rehearsal
):
    """A run that was killed in the middle of a rehearsal leaves the same."""
    ahead.begin(system, init, unit(NEW))
    waiting(system, init.socket(unit(NEW)), lambda traffic: traffic.listening)
    wanted = rehearsal()

    assert wanted.found(system) == {"answering": False}  # though it answers: nobody has tried it
    wanted.fix(system, ALL)

    assert wanted.found(system) == wanted.wanted()
    assert [verb for verb, *_ in init.calls] == ["start"]
    assert ahead.begun(system, unit(NEW)) is None


def test_one_that_was_started_ahead_and_answers_badly_is_stopped(system, init, rehearsal):
    init.how[unit(NEW)] = "500"
    ahead.begin(system, init, unit(NEW))

    assert failure(system, rehearsal()).code == "instance-bad-answer"
    assert not init.state(unit(NEW)).alive
    assert ahead.begun(system, unit(NEW)) is None


def test_a_restart_since_it_was_started_ahead_counts(system, init, rehearsal, monkeypatch):
    ahead.begin(system, init, unit(NEW))
    waiting(system, init.socket(unit(NEW)), lambda traffic: traffic.listening)
    said = init.state
    monkeypatch.setattr(init, "state", lambda name: replace(said(name), restarts=1))

    with pytest.raises(StepFailed, match="ended before it answered"):
        rehearsal().fix(system, ALL)


def test_an_instance_that_ends_is_reported_with_its_cause_and_stopped(system, init, rehearsal):
    """R34, R36"""
    init.how[unit(NEW)] = "exit"

    error = failure(system, rehearsal(timeout_s=30.0))

    assert error.code == "instance-exited"
    assert error.found == "ImportError: no module named shop"
    assert error.log[-1] == "ImportError: no module named shop"
    assert init.calls[-1] == ("stop", unit(NEW))


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("500", ("instance-bad-answer", "500 Internal Server Error")),
        ("400", ("instance-bad-answer", "400 Bad Request")),
        ("cut", ("instance-bad-answer", "200 OK, then a body cut short: 95 bytes are missing")),
        ("open", ("socket-permissions", f"mode 666, group {GROUP}")),
    ],
)
def test_a_bad_instance_is_told_and_stopped(system, init, rehearsal, how, expected):
    init.how[unit(NEW)] = how

    error = failure(system, rehearsal(timeout_s=0.6))

    assert (error.code, error.found) == expected
    assert init.calls[-1] == ("stop", unit(NEW))


def test_an_instance_that_says_nothing_is_not_answering(system, init, rehearsal, monkeypatch):
    monkeypatch.setattr(instance, "ANSWER_S", 0.3)
    init.how[unit(NEW)] = "mute"

    error = failure(system, rehearsal(timeout_s=0.6))

    assert error.code == "instance-not-answering"
    assert error.found == "no answer within 0.3 s"


def test_a_server_on_another_socket_is_not_answering(system, init, rehearsal):
    error = failure(system, rehearsal(socket=f"{system.top}/run/other.sock", timeout_s=0.5))

    assert error.code == "instance-not-answering"
    assert error.found == "no socket"


def test_a_release_that_serves_is_never_stopped_for_a_bad_answer(system, init, rehearsal):
    init.how[unit(NEW)] = "500"
    init.start(unit(NEW))
    system.link("/srv/www/shop/current", f"releases/{NEW}")

    error = failure(system, rehearsal(timeout_s=0.6))

    assert error.code == "instance-bad-answer"
    assert init.state(unit(NEW)).running


@pytest.mark.parametrize(
    ("state", "ended"),
    [
        (UnitState("x", active="active", sub="running", pid=7), False),
        (UnitState("x", active="activating", sub="start", pid=7), False),
        (UnitState("x", active="activating", sub="auto-restart"), True),
        (UnitState("x", active="activating", sub="backoff"), True),
        (UnitState("x", active="failed", sub="failed"), True),
        (UnitState("x", active="active", sub="running", pid=8), True),  # started a second time
        (UnitState("x", active="activating", sub="starting", pid=8), True),
        (UnitState("x", active="active", sub="running", pid=7, restarts=1), True),
    ],
)
def test_a_crash_loop_is_an_end(state, ended):
    assert instance._ended(state, UnitState("x", active="activating", pid=7)) is ended


def test_restarts_from_before_this_run_do_not_count(system, init, rehearsal, monkeypatch):
    """systemd was just about to restart the unit: its count goes on over our start."""
    said = init.state

    def counted(name):
        state = said(name)
        if state.active == "inactive":
            return replace(state, active="activating", sub="auto-restart", restarts=3)
        return replace(state, restarts=3)

    monkeypatch.setattr(init, "state", counted)
    wanted = rehearsal()

    wanted.fix(system, ALL)

    assert wanted.found(system) == wanted.wanted()


def test_a_restart_during_this_run_counts():
    first = UnitState("x", active="active", sub="running", pid=7, restarts=3)

    assert instance._ended(replace(first, restarts=4), first)
    assert not instance._ended(first, first)


def test_a_worker_that_ends_after_good_answers_is_an_end(system, init, rehearsal, monkeypatch):
    """The server starts another one, and each visitor would meet one that dies."""
    before = ["DAMN ! worker 1 (pid: 5) died :( trying respawn ..."]  # of an earlier run
    logs = [before, [*before, "DAMN ! worker 1 (pid: 9) died :( trying respawn ..."]]
    monkeypatch.setattr(init, "log", lambda unit, lines=40: logs.pop(0) if logs[1:] else logs[0])

    error = failure(system, rehearsal())

    assert error.code == "instance-exited"
    assert "pid: 9" in error.found


@pytest.mark.requirement("R50")
@pytest.mark.parametrize(("how", "seconds"), [("400", 5.0), ("cut", 8.0), ("500", 8.0)])
def test_an_answer_that_will_not_change_is_not_waited_for(system, init, rehearsal, how, seconds):
    init.how[unit(NEW)] = how
    began = system.monotonic()

    assert failure(system, rehearsal(timeout_s=60.0)).code == "instance-bad-answer"

    assert system.monotonic() - began < seconds + 7  # far less than the minute, on a busy machine


@pytest.mark.parametrize(
    ("answer", "seconds", "settled"),
    [
        (Answer(404), 1.9, False),
        (Answer(404), 2.0, True),
        (Answer(500), 2.0, False),
        (Answer(500), 5.0, True),
        (Answer(200, fault="a body cut short"), 2.0, True),
        (Answer(503), 60.0, False),  # an app that warms up says so
        (Answer(fault="nobody listens there"), 60.0, False),
    ],
)
def test_what_is_still_about_to_change_is_waited_for(answer, seconds, settled):
    assert instance._settled(answer, seconds) is settled


def test_a_server_that_listens_on_a_port_is_told_where(system, init, rehearsal, monkeypatch):
    monkeypatch.setattr(instance, "ELSEWHERE_S", 0.2)
    monkeypatch.setattr(instance, "listening", lambda *_: ["127.0.0.1:8000"])

    error = failure(system, rehearsal(socket=f"{system.top}/run/other.sock"))

    assert (error.code, error.found) == ("instance-not-answering", "127.0.0.1:8000")


def test_listening_ports_by_process():
    rows = """\
LISTEN 0 128 127.0.0.1:8000 0.0.0.0:* users:(("gunicorn",pid=12,fd=5),("gunicorn",pid=11,fd=5))
LISTEN 0 128 [::]:22 [::]:* users:(("sshd",pid=3,fd=4))
LISTEN 0 128 *:80 *:*
"""
    assert ports(rows) == [("127.0.0.1:8000", {11, 12}), ("[::]:22", {3}), ("*:80", set())]


def test_a_redirect_in_circles_stops_the_release(system, init, rehearsal, monkeypatch):
    round_again = Answer(302, "Found", location="/")
    monkeypatch.setattr(instance, "ask", lambda *_, **__: round_again)

    with pytest.raises(StepFailed) as caught:
        rehearsal().fix(system, ALL)

    assert caught.value.code == "redirect-loop"
    assert init.calls[-1] == ("stop", unit(NEW))
    assert [finding.code for finding in system.taken_findings()] == ["redirect-loop"]


@pytest.mark.parametrize(
    ("answer", "lines", "words"),
    [
        (Answer(400), ["Invalid HTTP_HOST header: 'shop.example'."], "Invalid HTTP_HOST"),
        (Answer(400, body=b"Invalid host header"), [], "Invalid host header"),
        (Answer(400, body=b"no"), [], ""),
        (Answer(404), [], ""),
    ],
)
def test_a_refused_host_name_is_known_by_the_frameworks_words(answer, lines, words):
    assert words in instance.explained(answer, lines)
    assert bool(words) == bool(instance.explained(answer, lines))


def test_a_server_that_dies_behind_its_socket_is_no_silence(system, init, rehearsal, monkeypatch):
    """R34: each question meets another process, which ends before it answers."""
    init.how[unit(NEW)] = "mute"

    def died(*_, timeout_s):
        init.restart(unit(NEW))
        return Answer(fault="the connection was closed without an answer")

    monkeypatch.setattr(instance, "ask", died)

    assert failure(system, rehearsal(timeout_s=30.0)).code == "instance-exited"


def test_an_app_that_is_slow_at_first_is_given_more_time(system, init, rehearsal, monkeypatch):
    given = []

    def slow(*_, timeout_s):
        given.append(timeout_s)
        system.sleep(0 if timeout_s > 0.1 else timeout_s)
        return Answer(200) if timeout_s > 0.1 else Answer(fault="no answer")

    monkeypatch.setattr(instance, "ask", slow)
    monkeypatch.setattr(instance, "FIRST_S", 0.03)

    rehearsal().fix(system, ALL)

    assert given == [0.03, 0.06, 0.12, 10.0, 10.0]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], ""),
        (["ready"], ""),
        (
            ["Traceback (most recent call last):", '  File "a.py"', "KeyError: 'A'", "",
             "During handling of the above exception, another exception occurred:", "",
             "Traceback (most recent call last):", '  File "b.py"', "shop.errors.Missing: DATABASE",
             "[2024] [INFO] Shutting down: Master"],
            "shop.errors.Missing: DATABASE",
        ),
    ],
)  # fmt: skip
def test_the_cause_is_the_exception_nobody_caught(lines, expected):
    assert cause(lines) == expected


# The switch


def test_the_switch_moves_the_link_the_boot_and_the_record(system, init, released):
    released(OLD)
    released(NEW)
    for release in (OLD, NEW):
        wanted = Current("/srv/www/shop/current", f"releases/{release}", unit(release), "shop")
        wanted.validate()
        wanted.fix(system, ALL)
        assert wanted.found(system) == wanted.wanted()

    assert os.readlink(f"{system.top}/srv/www/shop/current") == f"releases/{NEW}"
    assert init.enabled == {unit(NEW)}
    record = history.read_history(system, "shop")
    assert [(s["release"], s["from"]) for s in record] == [(OLD, ""), (NEW, OLD)]
    assert record[1]["commit"] == "bbbbbbbbbbbb" + "0" * 28
    assert history.previous_release(record, NEW) == OLD
    kept = Path(system.top, "var/lib/toque/apps/shop.jsonl")
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("died_at", ["enable", "link", "record", "disable", "catch_up"])
def test_a_kill_during_the_switch_leaves_a_site_that_boots(
    system, init, released, monkeypatch, died_at
):
    released(OLD)
    released(NEW)
    Current("/srv/www/shop/current", f"releases/{OLD}", unit(OLD), "shop").fix(system, ALL)
    wanted = Current("/srv/www/shop/current", f"releases/{NEW}", unit(NEW), "shop")

    class Killed(BaseException):
        pass

    def killed(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        if died_at == "record":
            patch.setattr(current, "append_switch", killed)
        else:
            patch.setattr(system if died_at == "link" else init, died_at, killed)
        with pytest.raises(Killed):
            wanted.fix(system, ALL)

    serving = os.readlink(f"{system.top}/srv/www/shop/current").rsplit("/", 1)[-1]
    assert unit(serving) in init.enabled
    wanted.fix(system, ALL)
    assert wanted.found(system) == wanted.wanted()
    switches = history.read_history(system, "shop")
    assert [(s["release"], s["from"]) for s in switches] == [(OLD, ""), (NEW, OLD)]


def test_what_a_switch_has_enabled_that_failed_halfway_does_not_start_at_boot(
    system, init, released, monkeypatch
):
    """systemd tells of it only after it has looked again, which that switch did not come to."""
    third = "cccccccccccc-000003"
    for release in (OLD, NEW, third):
        released(release)
    link = "/srv/www/shop/current"
    Current(link, f"releases/{OLD}", unit(OLD), "shop").fix(system, ALL)

    def full(*_, **__):
        raise StepFailed("disk-full", "no room")

    with monkeypatch.context() as patch, pytest.raises(StepFailed):
        patch.setattr(system, "link", full)
        Current(link, f"releases/{NEW}", unit(NEW), "shop").fix(system, ALL)
    assert init.enabled == {unit(OLD), unit(NEW)}
    wanted = Current(link, f"releases/{third}", unit(third), "shop")
    wanted.fix(system, ALL)

    assert init.enabled == {unit(third)}
    assert wanted.found(system) == wanted.wanted()


# The old release

ROWS = """\
u_str ESTAB  0      0      /run/shop-a/app.sock 36479 * 36478
u_str LISTEN 2      16     /run/shop-a/app.sock 36477 * 0
u_str ESTAB  0      0      /run/shop-a/app.sock.other 5 * 6
u_str ESTAB  0      0                         * 36478 * 36479
u_dgr UNCONN 0      0      /run/systemd/notify 1000 * 0
u_str LISTEN 0      128    @/tmp/.X11-unix/X0 22 * 0
"""


def test_traffic_counts_connections_and_the_accept_queue_of_one_socket():
    assert traffic(ROWS, "/run/shop-a/app.sock") == Traffic(True, connected=1, queued=2)
    assert traffic(ROWS, "/run/shop-b/app.sock") == Traffic()
    assert traffic("", "/run/shop-a/app.sock").idle


def get(path, page="/"):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(f"GET {page} HTTP/1.1\r\nHost: shop.example\r\n\r\n".encode())
        parts = []
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


def in_thread(function):
    results = []

    def target():
        try:
            results.append(function())
        except OSError as error:
            results.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    return thread, results


def waiting(system, path, wanted):
    """Look until ``wanted`` holds of the traffic at ``path``."""
    for _ in range(500):
        if wanted(look(system, path)):
            return
        system.sleep(0.01)
    raise AssertionError("it never came to that")


@pytest.fixture
def old(system, init, released):
    """``old(how)``: an earlier release that runs; its socket."""

    def make(how):
        released(OLD)
        init.how[unit(OLD)] = how
        init.start(unit(OLD))
        path = init.socket(unit(OLD))
        waiting(system, path, lambda traffic: traffic.listening)
        return path

    return make


def test_a_request_that_runs_is_answered_before_the_stop(system, init, old):
    path = old("slow")
    thread, results = in_thread(lambda: get(path, "/slow"))
    waiting(system, path, lambda traffic: traffic.connected)
    wanted = Retired("shop", unit(NEW))

    assert wanted.found(system) == {"running": (unit(OLD),)}
    wanted.fix(system, ALL)
    thread.join()

    assert results[0].endswith(b"hello")
    assert wanted.found(system) == wanted.wanted()


def test_connections_in_the_accept_queue_are_answered_before_the_stop(system, init, old):
    path = old("busy")  # listens, but accepts nobody yet
    waiters = [in_thread(lambda: get(path)) for _ in range(3)]
    waiting(system, path, lambda traffic: traffic.queued == 3)

    Retired("shop", unit(NEW)).fix(system, ALL)
    for thread, _ in waiters:
        thread.join()

    assert [results[0][-5:] for _, results in waiters] == [b"hello"] * 3


def test_a_visitor_who_never_leaves_does_not_hold_the_stop_for_ever(system, init, old):
    path = old("mute")
    thread, _ = in_thread(lambda: get(path))
    waiting(system, path, lambda traffic: traffic.connected)
    wanted = Retired("shop", unit(NEW), drain_s=0.2)

    wanted.fix(system, ALL)
    thread.join()

    assert wanted.found(system) == wanted.wanted()
    assert any("1 connections left" in note for note in system.taken_notes())


def test_units_of_other_apps_are_left_alone(system, init, old):
    old("good")
    other = f"shop-admin-{NEW}.service"
    Path(system.top, "etc/systemd/system", other).write_text("[Service]\n")
    init.start(other)

    Retired("shop", unit(NEW)).fix(system, ALL)

    assert init.state(other).running
    assert not init.state(unit(OLD)).running


# What is kept


def test_the_oldest_go_with_all_that_belongs_to_them(system, init, released):
    ids = [f"{n:012x}-{n:06x}" for n in range(1, 6)]
    for number, release in enumerate(ids, 1):
        released(release, f"2024-01-0{number}", venv=f"venv{number // 2}")
    system.link("/srv/www/shop/current", f"releases/{ids[4]}")
    wanted = Releases("shop", ids[4], "daemon", keep=2)
    wanted.validate()

    assert wanted.found(system) == {
        "surplus": tuple(reversed(ids[:3])), "unused_venvs": ("venv0", "venv1"),
    }  # fmt: skip
    wanted.fix(system, ALL)

    assert wanted.found(system) == wanted.wanted()
    app = Path(system.top, "srv/www/shop")
    assert sorted(os.listdir(app / "releases")) == ids[3:]
    assert os.listdir(app / "venvs") == ["venv2"]
    assert sorted(os.listdir(f"{system.top}/etc/systemd/system")) == [unit(r) for r in ids[3:]]
    given = sorted(os.listdir(f"{system.top}/etc/toque/apps/shop"))
    assert given == [f"{r}.{kind}" for r in ids[3:] for kind in ("env", "ini")]


def test_what_a_process_needs_stays_until_it_has_ended(system, init, released, monkeypatch):
    """Somebody's command in an old release, or a Python that loads packages as it goes."""
    ids = [f"{n:012x}-{n:06x}" for n in range(1, 5)]
    for number, release in enumerate(ids, 1):
        released(release, f"2024-01-0{number}", venv=f"venv{number}")
    system.link("/srv/www/shop/current", f"releases/{ids[3]}")
    wanted = Releases("shop", ids[3], "daemon", keep=1)
    app = Path(system.top, "srv/www/shop")
    looked = []

    def held(_, folder):
        looked.append(folder)
        return {"releases": {ids[0]: "sleep (7)"}, "venvs": {"venv2": "python (8)"}}[
            folder.rpartition("/")[2]
        ]

    monkeypatch.setattr(releases, "needed", held)
    assert wanted.found(system)["surplus"] == (ids[2], ids[1])
    wanted.fix(system, ALL)

    assert wanted.found(system) == wanted.wanted()
    assert sorted(os.listdir(app / "releases")) == [ids[0], ids[3]]
    assert sorted(os.listdir(app / "venvs")) == ["venv1", "venv2", "venv4"]
    assert looked == ["/srv/www/shop/releases", "/srv/www/shop/venvs"]
    assert [note.split("/")[-1] for note in system.taken_notes()][:1] == [
        f"{ids[0]} stays: sleep (7) needs it"
    ]

    monkeypatch.setattr(releases, "needed", lambda *_: {})
    system.forget()
    wanted.fix(system, ALL)
    assert os.listdir(app / "releases") == [ids[3]]
    assert os.listdir(app / "venvs") == ["venv4"]


def release_row(name, **rest):
    return {"id": name, "running": False, "current": False, "deployed_at": "", **rest}


def test_current_previous_and_running_releases_are_never_surplus():
    rows = [release_row(n) for n in "edcb"] + [release_row("a", running=True)]

    assert surplus_releases(rows, "e", "c", keep=1) == ["d", "b"]
    assert surplus_releases(rows, "e", None, keep=3) == ["c", "b"]
    assert surplus_releases(rows, "e", None, keep=9) == []


def test_the_list_of_releases_names_what_serves_and_since_when(system, init, released):
    released(OLD, "2024-01-01")
    released(NEW, "2024-01-02")
    for release in (NEW, OLD):  # deployed, then rolled back
        Current("/srv/www/shop/current", f"releases/{release}", unit(release), "shop").fix(
            system, ALL
        )
    init.start(unit(OLD))
    asked = []
    init.prefetch = asked.append

    kept = kept_releases(system, "shop")
    assert asked == []  # this is told on each connection: no program is started for it
    listed = list_releases(system, "shop")

    assert [sorted(units) for units in asked] == [[unit(OLD), unit(NEW)]]  # all at once
    assert kept == [{k: v for k, v in one.items() if k != "running"} for one in listed]
    assert [r["id"] for r in listed] == [OLD, NEW]
    assert [r["current"] for r in listed] == [True, False]
    assert [r["running"] for r in listed] == [True, False]
    assert [r["turn"] for r in listed] == [2, 1]
    assert listed[0]["deployed_at"] > listed[1]["deployed_at"] > listed[1]["created"]
