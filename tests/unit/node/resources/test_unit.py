import pytest

from init_fakes import PATH, TEXT, Supervisord, Systemctl, converge, verbs
from toque.node.errors import StepFailed
from toque.node.inits import launch
from toque.node.memory import MemorySystem
from toque.node.model import Facts
from toque.node.resource import Invalid
from toque.node.resources.unit import Unit
from toque.node.system import Result


def machine(init, **rest):
    system = MemorySystem(facts=Facts(init=init), files={"/etc/systemd/system/x": b""})
    return (Systemctl(**rest) if init == "systemd" else Supervisord(**rest)).on(system)


@pytest.mark.parametrize("init", ["systemd", "supervisor"])
def test_a_unit_is_written_and_read_once_and_starts_nothing(init):
    system = machine(init)
    assert converge(Unit("thena.service", TEXT), system) == {"exists", "content", "loaded"}
    assert converge(Unit("thena.service", TEXT), system) == frozenset()
    assert system.read(PATH).decode() == TEXT
    if init == "systemd":
        assert verbs(system, "systemctl") == ["daemon-reload"]
    else:
        assert system.supervisord.asked == []


@pytest.mark.parametrize("init", ["systemd", "supervisor"])
def test_an_absent_unit_is_stopped_disabled_and_forgotten(init):
    system = machine(init)
    converge(Unit("thena.service", TEXT), system)
    assert converge(Unit("thena.service", absent=True), system) == {"exists"}
    assert system.stat(PATH) is None
    assert system.stat("/etc/supervisor/conf.d/thena.conf") is None
    assert converge(Unit("thena.service", absent=True), system) == frozenset()


@pytest.mark.parametrize("before", [None, TEXT])
def test_a_text_that_systemd_refuses_is_taken_back(before):
    system = machine("systemd", refused={"thena.service"})
    if before:
        system.put(PATH, before.encode())
    with pytest.raises(StepFailed) as caught:
        converge(Unit("thena.service", TEXT + "# new\n"), system)
    assert caught.value.code == "unit-refused"
    assert caught.value.log[0] == "thena.service: nonsense. Refusing."
    assert "daemon-reload" not in verbs(system, "systemctl")[1:]  # it was never in place
    if before:
        assert system.read(PATH).decode() == before
    else:
        assert system.stat(PATH) is None


def test_what_only_pid_1_refuses_is_taken_back():
    system = machine("systemd")
    converge(Unit("thena.service", TEXT), system)
    systemctl = system.programs["systemctl"]
    systemctl.verify = system.programs["systemd-analyze"] = lambda argv, stdin, user: Result(
        argv, 0
    )
    systemctl.refused = {"thena.service"}

    with pytest.raises(StepFailed) as caught:
        converge(Unit("thena.service", TEXT + "# new\n"), system)

    assert caught.value.code == "unit-refused"
    assert system.read(PATH).decode() == TEXT


def test_what_systemd_would_pass_over_is_noted():
    system = machine("systemd")
    converge(Unit("thena.service", TEXT + "Nicee=5\n"), system)

    assert system.taken_notes() == (
        "systemd: thena.service:1: Unknown key 'Nicee' in section [Service], ignoring.",
    )
    assert system.names("/run/toque-verify") == []


def test_a_template_is_looked_at_through_one_made_from_it():
    system = machine("systemd")
    converge(Unit("thena@.service", TEXT), system)

    assert any("thena@toque.service" in call for call in system.calls)
    converge(Unit("thena@.service", absent=True), system)
    assert ("systemctl", "stop", "thena@*.service") in system.calls


def test_a_text_that_supervisor_cannot_run_is_taken_back():
    system = machine("supervisor")
    with pytest.raises(StepFailed) as caught:
        converge(Unit("thena.service", "[Service]\nExecStart=/bin/x %n\n"), system)
    assert caught.value.code == "unit-untranslatable"
    assert system.stat(PATH) is None


def test_a_unit_newer_than_what_systemd_read_is_loaded():
    system = machine("systemd", units={"thena.service": {"LoadState": "loaded"}})
    system.put(PATH, TEXT.encode())
    system.programs["systemctl"].units["thena.service"].update(
        ActiveState="active", NeedDaemonReload="yes"
    )
    assert converge(Unit("thena.service", TEXT), system) == {"loaded"}


def test_what_supervisor_cannot_keep_is_noted_once():
    system = machine("supervisor")
    converge(Unit("thena.service", TEXT + "PrivateTmp=yes\n"), system)
    assert system.taken_notes() == ("thena.service: supervisor cannot keep PrivateTmp",)
    converge(Unit("thena.service", TEXT + "PrivateTmp=yes\n"), system)
    assert system.taken_notes() == ()


def test_the_launcher_is_installed_for_all_to_run():
    system = machine("supervisor")
    converge(Unit("thena.service", TEXT), system)
    assert system.stat(launch.PATH).mode == 0o755
    assert system.read(launch.PATH).decode() == launch.TEXT


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("thena", TEXT),
        ("../thena.service", TEXT),
        ("thena.service", ""),
        ("thena.service", "nonsense"),
        ("thena.service", "A=b\n"),
    ],
)
def test_what_is_no_unit_is_refused_before_it_travels(name, content):
    with pytest.raises(Invalid):
        Unit(name, content).validate()


def test_only_a_unit_that_systemd_has_read_before_needs_a_reload():
    system = machine("systemd")
    system.programs["systemctl"].unit("thena.service")["LoadState"] = "loaded"  # found by itself

    converge(Unit("thena.service", TEXT), system)
    assert verbs(system, "systemctl") == []
    system.programs["systemctl"].read["thena.service"] = TEXT.encode()
    converge(Unit("thena.service", TEXT + "# new\n"), system)

    assert verbs(system, "systemctl") == ["daemon-reload"]


def test_the_text_of_a_twin_was_examined_with_the_first_release():
    system = machine("systemd")
    texts = {}
    for release in ("aaaaaaaaaaaa-000001", "bbbbbbbbbbbb-000002", "cccccccccccc-000003"):
        name = f"thena-{release}.service"
        texts[name] = TEXT + f"# {release}\n" + ("Nicee=5\n" if release.startswith("c") else "")
        converge(Unit(name, texts[name]), system)
    converge(Unit("other-dddddddddddd-000004.service", TEXT), system)
    converge(Unit("thena.service", TEXT), system)

    examined = [c[-1].rpartition("/")[2] for c in system.calls if c[0] == "systemd-analyze"]
    assert examined == [
        "thena-aaaaaaaaaaaa-000001.service",
        "thena-cccccccccccc-000003.service",  # another text
        "other-dddddddddddd-000004.service",
        "thena.service",
    ]
