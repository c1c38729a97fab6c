"""Packages, units and services on real machines under systemd and under supervisor.

Each test sends the node package to the machine and runs a few lines there against it: the
engine's own loop without a plan, so that what fails here is a resource and nothing else.
"""

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import toque.node
from toque.kitchen import api

pytestmark = [pytest.mark.machine, pytest.mark.timeout(900)]

INITS = {"nspawn": "systemd", "chroot": "supervisor"}

PRELUDE = """
import json, os, subprocess, sys, time
sys.path.insert(0, "/opt/toque-test")
from toque_node.formats.environment import encode_env
from toque_node.errors import StepFailed
from toque_node.inits import choose
from toque_node.model import Facts
from toque_node.resource import differing
from toque_node.resources.command import Command
from toque_node.resources.package import Package
from toque_node.resources.service import Service
from toque_node.resources.unit import Unit
from toque_node.realsystem import RealSystem

system = RealSystem(Facts(os="debian", init=INIT))

def converge(resource):
    resource.validate()
    keys = differing(resource.wanted(), resource.found(system))
    if keys:
        resource.fix(system, keys)
        system.forget(resource.disturbs)
        if resource.reads_back():
            left = differing(resource.wanted(), resource.found(system))
            assert not left, (resource.id, left)
    return sorted(keys)

def code(act):
    try:
        act()
    except StepFailed as error:
        return [error.code, error.expected, list(error.log)]

def pid(name):
    system.forget()
    return choose(system).state(name).pid

UNIT = '''[Service]
User=nobody
Group=nogroup
RuntimeDirectory=toy
RuntimeDirectoryMode=0750
UMask=0027
WorkingDirectory=/srv
Environment="GREETING=a b" RATE=50%%
EnvironmentFile=/etc/toy.env
ExecStartPre=-/bin/false
ExecStart=/usr/bin/python3 /usr/local/bin/toy "a b" 'c ;d #e' 100%% ""
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
[Install]
WantedBy=multi-user.target
'''

TOY = '''
import json, os, signal, sys, time
hups = []
signal.signal(signal.SIGHUP, lambda *_: open("/run/toy/hup", "w").close())
state = {"env": dict(os.environ), "argv": sys.argv[1:], "cwd": os.getcwd(),
         "ids": [os.getuid(), os.getgid()], "umask": os.umask(0o027)}
with open("/run/toy/new", "w") as out:
    json.dump(state, out)
os.rename("/run/toy/new", "/run/toy/state")
while True:
    time.sleep(60)
'''

def until(path):
    for _ in range(2400):
        if os.path.exists(path):
            return True
        time.sleep(0.05)
    return False
"""

VALUES = {"SECRET": "x \"q\" $HOME `id` \\ 'p' %40 ;#\nline two\n", "n": "1", "EMPTY": ""}


@pytest.fixture(scope="module", params=INITS)
def machine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], object]]:
    """Runs lines of Python on one machine of the driver; they print one JSON value last."""
    state = tmp_path_factory.mktemp("kitchen") / "state"
    kitchen = api.Kitchen.from_environment({**os.environ, "TOQUE_KITCHEN_DIR": str(state)})
    verdict = next(v for v in api.verdicts(kitchen) if v.driver == request.param)
    if not verdict.works:
        pytest.skip(f"driver {verdict.driver} does not work here: {verdict.reason}")
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        source = Path(next(iter(toque.node.__path__)))
        for path in sorted(source.rglob("*.py")):
            tar.add(path, Path("toque_node") / path.relative_to(source))
    unpack = "import sys,tarfile; tarfile.open(fileobj=sys.stdin.buffer, mode='r|').extractall"
    unpack += "('/opt/toque-test')"

    def run(lines: str) -> object:
        script = f"INIT = {INITS[request.param]!r}\n{PRELUDE}\nVALUES = {VALUES!r}\n{lines}"
        done = api.execute(kitchen, "svc", ["python3", "-"], script.encode())
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout.decode().splitlines()[-1])

    api.create(kitchen, "svc", driver=request.param)
    try:
        sent = api.execute(kitchen, "svc", ["python3", "-c", unpack], held.getvalue())
        assert sent.returncode == 0, sent.stderr
        run(
            "system.write('/etc/toy.env', encode_env(VALUES).encode(), mode=0o600)\n"
            "system.write('/usr/local/bin/toy', TOY.encode())\n"
            "converge(Unit('toy.service', UNIT)); print(1)"
        )
        yield run
    finally:
        api.destroy(kitchen, "svc")


def test_a_service_gets_what_its_unit_says_under_every_init(machine):
    state = machine(
        "converge(Service('toy', running=True, enabled=True)); until('/run/toy/state')\n"
        "print(open('/run/toy/state').read())"
    )
    environment = state["env"]
    assert {name: environment[name] for name in VALUES} == VALUES
    assert environment["GREETING"] == "a b"
    assert environment["RATE"] == "50%"
    assert "PWD" not in environment
    assert state["argv"] == ["a b", "c ;d #e", "100%", ""]
    assert state["cwd"] == "/srv"
    assert state["ids"] == [65534, 65534]
    assert state["umask"] == 0o027


def test_a_second_converge_changes_nothing_and_keeps_the_process(machine):
    lines = "[converge(Unit('toy.service', UNIT)), converge(Service('toy', running=True))]"
    before, changed, after = machine(
        f"converge(Service('toy', running=True)); a = pid('toy.service')\n"
        f"print(json.dumps([a, {lines}, pid('toy.service')]))"
    )
    assert changed == [[], []]
    assert before == after != 0


def test_a_new_text_restarts_nothing_until_a_restart_is_asked_for(machine):
    first, same, other, words = machine(
        "toy = Service('toy', running=True); converge(toy); a = pid('toy.service')\n"
        "converge(Unit('toy.service', UNIT.replace('100%%', 'new'))); b = pid('toy.service')\n"
        "os.remove('/run/toy/state'); toy.perform(system, 'restart'); until('/run/toy/state')\n"
        "argv = json.load(open('/run/toy/state'))['argv']\n"
        "print(json.dumps([a, b, pid('toy.service'), argv]))"
    )
    assert first == same
    assert other not in (first, 0)
    assert words[2] == "new"


def test_reload_reaches_the_process(machine):
    assert machine(
        "toy = Service('toy', running=True); converge(toy); until('/run/toy/state')\n"
        "toy.perform(system, 'reload'); print(json.dumps(until('/run/toy/hup')))"
    )


@pytest.mark.requirement("R34")
def test_a_start_by_the_init_itself_is_told_from_one_that_was_asked_for(machine):
    first, again, asked = machine(
        "import signal\n"
        "from toque_node.resources.instance import _ended\n"
        "converge(Service('toy', running=True)); init = choose(system)\n"
        "def now():\n"
        "    system.forget(); return init.state('toy.service')\n"
        "init.restart('toy.service'); a = now(); os.kill(a.pid, signal.SIGKILL)\n"
        "for _ in range(2400):\n"
        "    b = now()\n"
        "    if b.running and b.pid not in (0, a.pid):\n"
        "        break\n"
        "    time.sleep(0.05)\n"
        "init.restart('toy.service'); c = now()\n"
        "print(json.dumps([_ended(a, a), _ended(b, a), _ended(c, c)]))"
    )
    assert (first, again, asked) == (False, True, False)


@pytest.mark.requirement("R32")
def test_r32_restart_starts_what_never_ran_and_a_missing_unit_is_named(machine):
    running, missing = machine(
        "converge(Unit('toy32.service', '[Service]\\nExecStart=/bin/sleep 999\\n'))\n"
        "Service('toy32').perform(system, 'restart'); system.forget()\n"
        "running = Service('toy32').found(system)['running']\n"
        "converge(Unit('toy32.service', absent=True))\n"
        "print(json.dumps([running, code(lambda: converge(Service('toy32', running=True)))]))"
    )
    assert running is True
    assert missing[:2] == ["unit-missing", "/etc/systemd/system/toy32.service"]


def test_a_service_that_dies_at_once_is_a_failure_with_its_last_words(machine):
    failure = machine(
        "text = '[Service]\\nExecStart=/bin/sh -c \"echo dying; exit 3\"\\n'\n"
        "converge(Unit('bad.service', text))\n"
        "print(json.dumps(code(lambda: converge(Service('bad', running=True)))))"
    )
    assert failure[0] == "service-failed"
    assert "dying" in failure[2]


def test_a_text_that_cannot_run_is_taken_back(machine):
    failure, there = machine(
        "f = code(lambda: converge(Unit('odd.service', '[Service]\\nExecStart=relative/x\\n')))\n"
        "print(json.dumps([f[0], os.path.exists('/etc/systemd/system/odd.service')]))"
    )
    assert failure in ("unit-refused", "unit-untranslatable")
    assert there is False


def test_an_absent_unit_leaves_nothing_behind(machine):
    left = machine(
        "converge(Unit('gone.service', UNIT))\n"
        "converge(Service('gone', running=True, enabled=True))\n"
        "converge(Unit('gone.service', absent=True)); system.forget()\n"
        "print(json.dumps([choose(system).state('gone.service').exists,\n"
        "    os.path.exists('/etc/supervisor/conf.d/gone.conf'), os.path.exists('/run/gone')]))"
    )
    assert left == [False, False, False]


def test_a_dpkg_that_was_killed_at_work_is_repaired_by_the_next_converge(machine):
    broken, changed, audit, again = machine(
        "import contextlib, signal\n"
        "names = ('git', 'less', 'tree')\n"
        "subprocess.run(['apt-get', 'update', '-q'], stdout=subprocess.DEVNULL, check=True)\n"
        "argv = ['apt-get', 'install', '-y', '--no-install-recommends', *names]\n"
        "env = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'}\n"
        "audit = lambda: subprocess.run(['dpkg', '--audit'], capture_output=True).stdout.decode()\n"
        "quiet = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}\n"
        "for _ in range(20):\n"  # it may have ended before the signal reaches it
        "    subprocess.run(['dpkg', '--purge', *names], **quiet)\n"
        "    apt = subprocess.Popen(argv, env=env, start_new_session=True, **quiet)\n"
        "    while apt.poll() is None and not os.listdir('/var/lib/dpkg/updates'):\n"
        "        time.sleep(0.005)\n"
        "    with contextlib.suppress(ProcessLookupError):\n"
        "        os.killpg(apt.pid, signal.SIGKILL)\n"
        "    apt.wait()\n"
        "    broken = bool(audit() or os.listdir('/var/lib/dpkg/updates'))\n"
        "    if broken:\n"
        "        break\n"
        "changed = converge(Package(*names))\n"
        "print(json.dumps([broken, changed, audit(), converge(Package(*names))]))"
    )
    assert broken
    assert "dpkg state" in changed
    assert audit == ""
    assert again == []
