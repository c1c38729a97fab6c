import pytest

from toque.node.engine import walk
from toque.node.errors import StepFailed
from toque.node.journal import MemoryJournal
from toque.node.memory import MemorySystem
from toque.node.model import Action, Facts, Plan, Step
from toque.node.resource import Invalid
from toque.node.resources import TYPES
from toque.node.resources.reboot import ASKED, Reboot


def machine(*files, **facts):
    return MemorySystem(facts=Facts(**facts), files={"/run/x": b"", **dict.fromkeys(files, b"")})


def walked(system, owed=(), check=False):
    plan = Plan("a", (Step("reboot:machine", "reboot", {}),))
    (outcome,) = walk(plan, system, TYPES, journal=MemoryJournal(owed), secrets={}, check=check)
    return outcome.status.value, outcome.actions


def test_what_needs_no_reboot_asks_for_none():
    system = machine()

    assert walked(system) == ("ok", ())
    assert system.stat(ASKED) is None


@pytest.mark.parametrize("why", ["/run/reboot-required", ASKED])
def test_a_need_is_passed_on_and_stays_until_the_reboot(why):
    system = machine(why)

    assert walked(system, check=True) == ("would-change", ())
    assert walked(system) == ("changed", ())
    assert system.stat(ASKED) is not None
    assert walked(system) == ("changed", ())


def test_another_step_may_ask():
    system = machine()

    assert walked(system, (Action("reboot:machine", "request"),)) == ("ok", ("request",))
    assert system.stat(ASKED) is not None


def test_one_need_is_enough():
    owed = (Action("reboot:machine", "request"),)

    assert walked(machine("/run/reboot-required"), owed) == ("changed", ())


def test_a_machine_without_systemd_is_refused():
    system = machine("/run/reboot-required", init="supervisor")

    with pytest.raises(StepFailed) as caught:
        Reboot().fix(system, frozenset({"needed"}))

    assert caught.value.code == "reboot-impossible"
    assert system.stat(ASKED) is None


def test_a_machine_is_rebooted_once_however_often_it_is_declared():
    assert Reboot().id == Reboot("/run/other").id
    assert Reboot().request == Action("reboot:machine", "request")


@pytest.mark.parametrize("needed", ["", "/run", "/run/", "/var/run/x", "/run/../etc/x", "/run/a\n"])
def test_a_need_that_outlives_the_reboot_is_refused(needed):
    with pytest.raises(Invalid):
        Reboot(needed).validate()
