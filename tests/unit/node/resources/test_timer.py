import pytest

from init_fakes import Systemctl, converge, verbs
from toque.node.errors import NotReady, StepFailed
from toque.node.inits.unitfile import parse, split
from toque.node.memory import MemorySystem
from toque.node.model import Facts
from toque.node.resource import Invalid
from toque.node.resources.timer import Timer
from toque.node.system import Result

PASSWD = b"root:x:0:0::/root:/bin/sh\nthena:x:990:990::/:/bin/sh\n"
BACKUP = Timer("backup", "*-*-* 03:30", ("/usr/local/bin/backup", "--all"))


def machine(readable=True, **rest):
    system = MemorySystem(files={"/etc/passwd": PASSWD, "/etc/systemd/system/x": b""})
    code, said = (0, b"") if readable else (1, b"Failed to parse calendar specification")
    system.programs["systemd-analyze"] = lambda argv, stdin, user: Result(argv, code, b"", said)
    return Systemctl(**rest).on(system)


def unit(system, end):
    return parse(system.read(f"/etc/systemd/system/backup.{end}").decode())


def test_a_timer_is_written_enabled_and_started_once():
    system = machine()

    converge(BACKUP, system)

    assert unit(system, "timer").values("Timer", "OnCalendar") == ["*-*-* 03:30"]
    assert unit(system, "service").values("Service", "Type") == ["oneshot"]
    assert verbs(system, "systemctl")[-2:] == ["enable backup.timer", "start backup.timer"]
    assert converge(BACKUP, system) == frozenset()


def test_a_changed_schedule_counts_from_now_on_and_the_command_does_not_run_for_it():
    system = machine()
    converge(BACKUP, system)
    system.calls.clear()

    assert converge(Timer("backup", "daily", BACKUP.command), system) == {"timer"}
    assert verbs(system, "systemctl") == ["daemon-reload", "restart backup.timer"]


def test_a_changed_command_leaves_the_timer_running():
    system = machine()
    converge(BACKUP, system)
    system.calls.clear()

    assert converge(Timer("backup", BACKUP.schedule, ("/bin/true",)), system) == {"service"}
    assert verbs(system, "systemctl") == ["daemon-reload"]


def test_an_absent_timer_stops_before_its_service_goes():
    system = machine()
    converge(BACKUP, system)
    system.calls.clear()

    assert converge(Timer("backup", absent=True), system) == {"exists"}
    assert system.names("/etc/systemd/system") == ["x"]
    assert verbs(system, "systemctl")[0] == "stop backup.timer"
    assert converge(Timer("backup", absent=True), system) == frozenset()


def test_a_schedule_that_systemd_cannot_read_changes_nothing():
    system = machine(readable=False)

    with pytest.raises(StepFailed) as caught:
        converge(BACKUP, system)

    assert caught.value.code == "schedule-refused"
    assert "Failed to parse" in caught.value.log[0]
    assert system.names("/etc/systemd/system") == ["x"]


def test_a_user_that_is_not_there_may_come_with_an_earlier_step():
    with pytest.raises(NotReady) as caught:
        converge(Timer("backup", "daily", ("/bin/true",), user="nosuch"), machine())

    assert caught.value.code == "user-missing"


def test_a_machine_without_systemd_is_refused():
    facts = Facts(init="supervisor", init_reason="/run/systemd/system does not exist")

    with pytest.raises(StepFailed) as caught:
        BACKUP.found(MemorySystem(facts=facts))

    assert caught.value.code == "timer-needs-systemd"
    assert Timer("backup", absent=True).found(MemorySystem(facts=facts)) is None


def test_neighbours_are_looked_at_in_one_exchange():
    system = machine()
    other = Timer("other", "daily", ("/bin/true",))
    converge(BACKUP, system)
    converge(other, system)
    system.calls.clear()

    Timer.prefetch(system, [BACKUP, other])
    assert BACKUP.found(system) == BACKUP.wanted()
    assert other.found(system) == other.wanted()
    assert len(system.calls) == 1


def test_an_argument_comes_back_from_its_unit_as_it_was():
    hard = ("", "a b", "$HOME ${X} $$", "%n %%", "\"'\\", "line\nend\r\t", ";", "#", "\x07\u2028é")
    system = machine()
    converge(Timer("backup", "daily", ("/bin/echo", *hard)), system)

    (line,) = unit(system, "service").values("Service", "ExecStart")

    back = [w.replace("%%", "%").replace("$$", "$") for w in split(line)]
    assert back == ["/bin/echo", *hard]
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "backup.timer"},
        {"name": "../x"},
        {"name": "-x"},
        {"schedule": ""},
        {"schedule": "daily\nPersistent=yes"},
        {"schedule": "%n"},
        {"command": ()},
        {"command": ("backup",)},
        {"command": ("/bin/a b",)},
        {"command": ("/bin/true", "a\0b")},
        {"user": "a b"},
        {"cwd": "srv"},
        {"cwd": "/srv\nUser=root"},
        {"environment_file": "-/etc/x"},
        {"timeout_s": 0},
        {"spread_s": -1},
    ],
)
def test_what_is_no_timer_is_refused_before_it_travels(fields):
    given = {"name": "backup", "schedule": "daily", "command": ("/bin/true",), **fields}

    with pytest.raises(Invalid):
        Timer(**given).validate()
