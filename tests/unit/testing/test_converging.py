"""A plan applied in memory ends as on a machine, and a second time changes nothing."""

from __future__ import annotations

import pytest

from toque import (
    Command,
    Cookbook,
    Directory,
    File,
    Group,
    HttpCheck,
    Link,
    Package,
    PortCheck,
    Recipe,
    Service,
    Unit,
    User,
)
from toque.node.probe import Answer
from toque.testing import Machine, RecipePlan, StepError, check, compile_recipe, converge

from .conftest import Plan

UNIT = "[Service]\nUser=thena\nExecStart=/bin/thena\n\n[Install]\nWantedBy=multi-user.target\n"
WHOLE = (
    Package("nginx-light", "redis-server"),
    Group("crew", system=True),
    User("thena", system=True, groups=("crew",), home="/srv/thena"),
    Directory("/srv/thena", owner="thena", group="thena", mode=0o750),
    File("/srv/thena/a", content="one\n", owner="thena", group="crew", mode=0o640),
    Link("/srv/way", target="/srv/thena"),
    Unit("thena.service", content=UNIT),
    Service("thena", running=True, enabled=True),
    Service("nginx", running=False, enabled=False),
    Service("redis-server", running=True, enabled=True),
    Command(("fallocate", "-l", "1G", "/swap"), creates="/swap"),
    Command(("apply", "it"), unless=("is", "applied")),
    Command(("drop", "it"), only_if=("is", "there")),
    Command(("once", "only"), once="a mark"),
    HttpCheck("http://thena.example/", status=(403,)),
    PortCheck(80),
)


def test_second_run_changes_nothing(plan: Plan) -> None:
    first = converge(plan(*WHOLE))
    again = converge(plan(*WHOLE), first.machine)

    # Debian's packages start their services; a check only looks.
    right = ("service:redis-server", "http_check:http://thena.example/", "port_check:127.0.0.1:80")
    assert first.changed == tuple(id for id in plan(*WHOLE).ids if id not in right)
    assert again.changed == ()


def test_what_is_undone_is_done_again(plan: Plan) -> None:
    """Each change of the machine is found, and by its own step only."""
    machine = converge(plan(*WHOLE)).machine

    machine.remove("/srv/thena/a")
    machine.run(["userdel", "--", "thena"])
    machine.run(["useradd", "--system", "--user-group", "--home-dir=/elsewhere", "--", "thena"])
    machine.run(["systemctl", "disable", "--now", "redis-server.service"])
    machine.put("/etc/systemd/system/thena.service", UNIT.replace("/bin", "/sbin").encode())

    assert converge(plan(*WHOLE), machine).changed == (
        "user:thena",
        "file:/srv/thena/a",
        "unit:thena.service",
        "service:redis-server",
    )
    assert converge(plan(*WHOLE), machine).changed == ()


def test_check_changes_nothing_and_foresees_what_it_can(plan: Plan) -> None:
    machine = Machine()
    before = {path: (entry.kind, entry.data) for path, entry in machine.tree.items()}

    run = check(plan(File("/etc/motd", content="hi\n"), Service("nginx", running=True)), machine)

    assert [o.status.value for o in run.report.outcomes] == ["would-change", "unknown"]
    assert {path: (entry.kind, entry.data) for path, entry in machine.tree.items()} == before


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        (File("/none/a", content=""), "directory-missing"),
        (File("/etc/a", content="", owner="nobody-here"), "user-missing"),
        (Directory("/srv/a", group="nobody-here"), "group-missing"),
        (File("/etc/apt", content=""), "wrong-kind"),
        (Directory("/etc/apt", absent=True), "directory-not-empty"),
        (Service("never-there", running=True), "unit-missing"),
        (Unit("x.service", content="[Service]\nUser=root\n"), "unit-refused"),
        (Command(("true",), user="nobody-here", always=True), "user-missing"),
        (Command(("true",), cwd="/none", always=True), "directory-missing"),
        (Command(("false",), always=True), "command-failed"),
        (File("/etc/a", content="", check=("unknown", "{}")), "program-missing"),
    ],
)
def test_fails_where_a_machine_fails(plan: Plan, resource: object, code: str) -> None:
    with pytest.raises(StepError) as caught:
        converge(plan(resource))

    assert caught.value.code == code


def test_failed_run_leaves_what_it_did_and_what_it_owes(plan: Plan, machine: Machine) -> None:
    nginx = Service("nginx", running=True)

    def recipe(good: bool) -> RecipePlan:
        def setup(r: Recipe) -> None:
            r.add(Package("nginx-light"))
            r.add(File("/etc/nginx/a", content="one"), notify=nginx.reload)
            r.add(Command(("true" if good else "false",), name="in between", always=True))
            r.add(nginx)

        return compile_recipe(Cookbook("inline", events={"setup": setup}))

    with pytest.raises(StepError):
        converge(recipe(False), machine)
    owed = machine.journal.owed()
    run = converge(recipe(True), machine)

    assert owed == (nginx.reload,)
    assert run.outcome("service:nginx").actions == ("reload",)
    assert machine.journal.owed() == ()


def test_page_that_answers_otherwise_fails_its_check(plan: Plan) -> None:
    machine = Machine(answers={"http://thena.example/": Answer(502)})

    with pytest.raises(StepError) as caught:
        converge(plan(HttpCheck("http://thena.example/")), machine)

    assert caught.value.code == "http-check-failed"
