import pytest

from init_fakes import CONF, PATH, TEXT, Supervisord, Systemctl, converge, verbs
from toque.node.errors import NotReady, StepFailed
from toque.node.inits import choose
from toque.node.inits.daemon import Refused
from toque.node.inits.supervisor import socket_path
from toque.node.memory import MemorySystem
from toque.node.model import Action, Facts
from toque.node.resource import Invalid
from toque.node.resources.service import Service
from toque.node.resources.unit import Unit
from toque.node.system import Result


def supervised(dying=()):
    machine = MemorySystem(facts=Facts(init="supervisor"), files={PATH: TEXT.encode()})
    fake = Supervisord(dying)
    return fake.on(machine), fake


def booted(units, dying=()):
    return Systemctl(units, dying).on(MemorySystem(facts=Facts(init="systemd")))


LOADED = {"LoadState": "loaded", "ActiveState": "inactive", "UnitFileState": "disabled"}


@pytest.mark.parametrize("kind", ["systemd", "supervisor"])
def test_a_service_is_enabled_and_started_once(kind):
    system = booted({"thena.service": LOADED}) if kind == "systemd" else supervised()[0]
    thena = Service("thena", running=True, enabled=True)
    assert converge(thena, system) == {"running", "enabled"}
    assert converge(thena, system) == frozenset()


@pytest.mark.parametrize("kind", ["systemd", "supervisor"])
def test_restart_of_a_service_that_never_ran_starts_it(kind):
    system = booted({"thena.service": LOADED}) if kind == "systemd" else supervised()[0]
    thena = Service("thena")
    thena.perform(system, "restart")
    system.forget()
    assert thena.found(system)["running"] is True


@pytest.mark.parametrize("kind", ["systemd", "supervisor"])
def test_a_missing_unit_names_the_file_looked_for(kind):
    system = booted({}) if kind == "systemd" else supervised()[0]
    with pytest.raises(NotReady) as caught:
        Service("nosuch", running=True).found(system)
    assert caught.value.code == "unit-missing"
    assert caught.value.expected == "/etc/systemd/system/nosuch.service"


def test_a_missing_unit_is_as_wanted_when_it_may_not_run():
    assert converge(Service("gone", running=False, enabled=False), booted({})) == frozenset()


@pytest.mark.parametrize("kind", ["systemd", "supervisor"])
def test_a_service_that_dies_says_its_last_words(kind):
    dying = {"thena.service", "thena"}
    units = {"thena.service": LOADED}
    system = booted(units, dying) if kind == "systemd" else supervised(dying)[0]
    system.put("/var/log/toque/thena.log", b"")
    with pytest.raises(StepFailed) as caught:
        converge(Service("thena", running=True), system)
    assert caught.value.code == "service-failed"
    assert "last words" in caught.value.log


def test_one_that_failed_before_is_pardoned_before_it_starts():
    system = booted({"thena.service": {**LOADED, "ActiveState": "failed"}})
    converge(Service("thena", running=True), system)
    assert verbs(system, "systemctl") == ["reset-failed thena.service", "start thena.service"]


@pytest.mark.parametrize("wish", [{"running": True}, {"enabled": True}])
def test_a_masked_unit_is_refused_and_left_alone(wish):
    system = booted({"thena.service": {"LoadState": "masked", "UnitFileState": "masked"}})
    with pytest.raises(StepFailed) as caught:
        Service("thena", **wish).found(system)
    assert caught.value.code == "service-masked"
    assert converge(Service("thena", running=False, enabled=False), system) == frozenset()


def test_no_verb_disturbs_a_service_declared_as_not_running():
    system = booted({"thena.service": LOADED})
    Service("thena", running=False).perform(system, "restart")
    assert verbs(system, "systemctl") == []


def test_reload_starts_what_should_run_and_does_not():
    system = booted({"thena.service": LOADED})
    Service("thena", running=True).perform(system, "reload")
    assert "start thena.service" in verbs(system, "systemctl")


def test_a_start_answers_a_restart_and_a_reload():
    stopped, started = {"running": False, "enabled": False}, frozenset({"running"})
    wanted = Service("x", running=True)

    assert wanted.answered_by(stopped, started) == {"restart", "reload"}
    assert wanted.answered_by(stopped, frozenset({"enabled"})) == frozenset()
    assert Service("x", running=False).answered_by(stopped, started) == frozenset()


@pytest.mark.parametrize("running", ["starting", "partly"])
def test_a_start_of_what_ran_in_part_answers_nothing(running):
    """At boot a service may have read its settings before a step wrote them."""
    found = {"running": running, "enabled": True}

    assert Service("x", running=True).answered_by(found, frozenset({"running"})) == frozenset()


def test_actions_are_typed_and_both_spellings_are_one_service():
    assert Service("nginx").restart == Action("service:nginx", "restart")
    assert Service("nginx.service").reload == Action("service:nginx", "reload")


def test_a_name_that_is_an_option_or_a_path_is_refused():
    with pytest.raises(Invalid):
        Service("a/b").validate()


def test_many_states_cost_one_exchange():
    system = booted({"a.service": LOADED, "b.service": LOADED})
    Service.prefetch(system, [Service("a"), Service("b")])
    assert Service("a", running=False).found(system)["running"] is False
    assert Service("b", running=False).found(system)["running"] is False
    assert len(system.calls) == 1


UMBRELLA = {
    "postgresql.service": {
        "LoadState": "loaded",
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "Wants": "postgresql@15-main.service other.service",
    },
    "postgresql@15-main.service": LOADED,
}


def test_an_active_umbrella_over_a_cluster_that_is_down_does_not_run():
    system = booted(UMBRELLA)
    assert Service("postgresql", running=True).found(system)["running"] is False
    assert converge(Service("postgresql", running=True), system) == {"running"}
    assert "start postgresql@15-main.service" in verbs(system, "systemctl")


def test_an_inactive_umbrella_over_a_running_cluster_is_stopped():
    units = {name: dict(pairs) for name, pairs in UMBRELLA.items()}
    units["postgresql.service"]["ActiveState"] = "inactive"
    units["postgresql@15-main.service"]["ActiveState"] = "active"
    system = booted(units)
    assert converge(Service("postgresql", running=False), system) == {"running"}


def test_a_service_that_is_started_again_and_again_is_stopped():
    system, _ = supervised({"thena"})
    with pytest.raises(StepFailed):
        Service("thena", running=True).fix(system, frozenset({"running"}))
    assert Service("thena", running=False).found(system)["running"] == "starting"
    assert converge(Service("thena", running=False), system) == {"running"}


def test_a_static_unit_cannot_be_enabled():
    system = booted({"thena.service": {**LOADED, "UnitFileState": "static"}})
    with pytest.raises(StepFailed, match="cannot be enabled"):
        Service("thena", enabled=True).fix(system, frozenset({"enabled"}))


def test_a_new_text_waits_for_the_restart_under_supervisor():
    system, fake = supervised()
    converge(Service("thena", running=True), system)
    old = fake.loaded["thena"]
    converge(Unit("thena.service", TEXT.replace("/bin/thena", "/bin/other")), system)
    assert fake.loaded["thena"] == old
    assert fake.states["thena"] == "RUNNING"
    Service("thena", running=True).perform(system, "restart")
    assert "/bin/other" in fake.loaded["thena"]
    assert fake.states["thena"] == "RUNNING"


def test_enabling_does_not_touch_what_runs_under_supervisor():
    system, fake = supervised()
    converge(Service("thena", running=True), system)
    before = list(fake.asked)
    converge(Service("thena", enabled=True), system)
    assert fake.asked == before
    assert "autostart=true" in fake.texts()["thena"]


def test_reload_is_the_signal_of_the_unit_under_supervisor():
    system, fake = supervised()
    converge(Service("thena", running=True), system)
    Service("thena", running=True).perform(system, "reload")
    assert fake.signals == [("HUP", "thena")]


def test_a_packaged_nginx_stays_in_the_foreground_under_supervisor():
    system, fake = supervised()
    system.put("/lib/systemd/system/nginx.service", b"[Service]\nType=forking\nExecStart=/x\n")
    converge(Service("nginx", running=True, enabled=True), system)
    assert "daemon off" in fake.texts()["nginx"]


def test_an_unknown_forking_service_is_refused_under_supervisor():
    system, _ = supervised()
    system.put("/lib/systemd/system/odd.service", b"[Service]\nType=forking\nExecStart=/x\n")
    with pytest.raises(StepFailed) as caught:
        converge(Service("odd", running=True), system)
    assert caught.value.code == "no-foreground-command"


def test_a_program_of_somebody_else_is_left_alone():
    system, fake = supervised()
    system.put(f"{CONF}/ssh.conf", b"[program:ssh]\ncommand=/usr/sbin/sshd -D\n")
    fake.add("ssh")
    fake.start("ssh")
    assert converge(Service("ssh", running=True, enabled=True), system) == frozenset()
    with pytest.raises(StepFailed) as caught:
        converge(Service("ssh", enabled=False), system)
    assert caught.value.code == "unit-not-ours"


def test_a_supervisord_that_does_not_answer_is_said():
    system, fake = supervised()
    fake.silent = "/var/run/supervisor.sock: No such file or directory"
    with pytest.raises(StepFailed) as caught:
        Service("thena", running=True).fix(system, frozenset({"running"}))
    assert caught.value.code == "init-unreachable"
    assert caught.value.found == fake.silent


@pytest.mark.parametrize("kind", ["systemd", "supervisor"])
def test_what_is_enabled_later_is_told_after_catching_up(kind):
    system = booted({"thena.service": LOADED}) if kind == "systemd" else supervised()[0]
    init = choose(system)
    init.enable("thena.service", later=True)
    init.catch_up()
    assert init.state("thena.service").enabled
    init.disable("thena.service", later=True)
    init.catch_up()
    assert not init.state("thena.service").enabled
    assert verbs(system, "systemctl").count("daemon-reload") == (2 if kind == "systemd" else 0)


def test_a_launch_does_not_wait_for_a_program_that_starts():
    system, fake = supervised()
    fake._run = lambda name: fake.states.update({name: "STARTING"})
    choose(system).launch("thena.service")
    assert choose(system).state("thena.service").activity == "starting"
    assert system.clock == 0.0


@pytest.mark.parametrize("state", ["BACKOFF", "STOPPING"])
def test_a_launch_takes_no_other_start_for_its_own(state):
    system, fake = supervised()
    converge(Service("thena", running=True), system)
    fake.states["thena"] = state
    fake.stopping = 2
    choose(system).launch("thena.service")
    assert choose(system).state("thena.service").running
    assert fake.asked[-1] == "start thena"


def test_one_that_ends_as_it_is_stopped_is_not_started_again_by_supervisord():
    """EXITED is what supervisord says between an end and the next start by itself."""
    system, fake = supervised()
    converge(Service("thena", running=True), system)
    fake.states["thena"] = "EXITED"
    refuse = fake.stop

    def stop(name):
        if fake.states[name] == "EXITED":
            fake.states[name] = "RUNNING"
            raise Refused("NOT_RUNNING", name)
        refuse(name)

    fake.stop = stop
    choose(system).stop("thena.service")
    assert fake.states["thena"] == "STOPPED"


def test_one_that_serves_nobody_is_killed_when_it_does_not_end():
    system = booted({"thena.service": {**LOADED, "ActiveState": "active"}})
    fake = system.programs["systemctl"]
    killed = []

    def hanging(argv, stdin, user):
        if argv[1] == "kill":
            killed.append(argv[2:])
            fake.unit("thena.service").update(ActiveState="failed", Result="signal")
        if argv[1] == "stop" and not killed:
            fake.unit("thena.service")["ActiveState"] = "deactivating"
            raise StepFailed("command-timeout", "systemctl did not end in time")
        if argv[1] == "stop":
            return Result(argv, 0)  # one that has failed stays failed
        return fake(argv, stdin, user)

    system.programs["systemctl"] = hanging
    choose(system).discard("thena.service", 2.0)

    assert killed == [["--signal=SIGKILL", "thena.service"]]
    assert verbs(system, "systemctl") == [
        "stop thena.service", "kill thena.service", "stop thena.service",
        "reset-failed thena.service",
    ]  # fmt: skip


def test_one_that_serves_nobody_and_ends_is_not_killed():
    system = booted({"thena.service": {**LOADED, "ActiveState": "active"}})
    choose(system).discard("thena.service", 2.0)
    assert verbs(system, "systemctl") == ["stop thena.service"]


def test_supervisord_is_asked_where_its_configuration_says():
    system = MemorySystem()
    assert socket_path(system) == "/var/run/supervisor.sock"
    text = "[supervisorctl]\nserverurl=unix:///run/other.sock ; comment\n"
    system.put("/etc/supervisor/supervisord.conf", text.encode())
    assert socket_path(system) == "/run/other.sock"
