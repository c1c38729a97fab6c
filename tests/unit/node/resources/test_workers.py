"""Workers and schedules of one release in the place of those of another, in the order of rules."""

import pytest

from toque.node import workers
from toque.node.appunits import Part, job_unit, part_of, worker_unit
from toque.node.errors import StepFailed
from toque.node.inits import UnitState
from toque.node.memory import MemorySystem
from toque.node.model import Facts
from toque.node.resource import Invalid
from toque.node.resources import processes as processes_module
from toque.node.resources.processes import Processes
from toque.node.resources.workers import Workers

OLD, NEW = "aaaaaaaaaaaa-000001", "bbbbbbbbbbbb-000002"
TEXT = "[X-Toque]\nRule={}\n[Service]\nExecStart=/bin/x\n"


class Init:
    """Units that run when asked to; those in ``dying`` end at once."""

    name = "systemd"

    def __init__(self):
        self.running, self.on_boot, self.dying, self.did = set(), set(), set(), []

    def state(self, unit):
        active = "active" if unit in self.running else "inactive"
        if unit in self.dying and ("launch", unit) in self.did:
            active = "failed"
        file = "enabled" if unit in self.on_boot else "disabled"
        return UnitState(unit, "loaded", active, "running", file)

    def prefetch(self, units): ...

    def catch_up(self): ...

    def loaded(self, unit):
        return True

    def load(self, unit):
        self.did.append(("load", unit))

    def log(self, unit, lines=40):
        return ["Traceback (most recent call last):", "ModuleNotFoundError: No module named 'x'"]

    def launch(self, unit):
        self.did.append(("launch", unit))
        self.running.add(unit)

    def stop_all(self, units):
        for unit in units:
            self.did.append(("stop", unit))
            self.running.discard(unit)

    def enable(self, unit, *, later):
        self.on_boot.add(unit)

    def disable(self, unit, *, later):
        self.on_boot.discard(unit)


@pytest.fixture
def init(monkeypatch):
    made = Init()
    monkeypatch.setattr(workers, "choose", lambda system: made)
    monkeypatch.setattr(processes_module, "choose", lambda system: made)
    return made


@pytest.fixture
def system():
    return MemorySystem(facts=Facts(init="systemd"))


def worker(system, release, name, rule, number=1):
    unit = worker_unit("shop", release, name, number)
    system.put(f"/etc/systemd/system/{unit}", TEXT.format(rule).encode())
    return unit


def release_of(system, init, release, runs, **rules):
    """The worker units of a release; those of one that ``runs`` also start at boot."""
    units = {name: worker(system, release, name, rule) for name, rule in rules.items()}
    if runs:
        init.running |= set(units.values())
        init.on_boot |= set(units.values())
    return units


def do(system, resource):
    if resource.found(system) != resource.wanted():
        resource.fix(system, frozenset())
        assert resource.found(system) == resource.wanted()


START, ONLY = Workers("shop", release=NEW), Workers("shop", release=NEW, only=True)


def test_each_worker_follows_by_its_rule(system, init):
    rules = {"mail": "overlap", "feed": "gap", "clock": "one"}
    old = release_of(system, init, OLD, True, **rules)
    new = release_of(system, init, NEW, False, **rules)

    do(system, START)
    before_switch, init.did = init.did, []
    do(system, ONLY)

    stops = {unit for verb, unit in before_switch if verb == "stop"}
    assert stops == {old["feed"], old["clock"]}
    for name in ("feed", "clock"):  # the old one ended before the new one began
        assert before_switch.index(("stop", old[name])) < before_switch.index(("launch", new[name]))
    assert init.did == [("stop", old["mail"])]
    assert init.running == init.on_boot == set(new.values())


@pytest.mark.parametrize("how", ["after a moment", "while it is started"])
@pytest.mark.parametrize("rule", ["overlap", "gap", "one"])
def test_a_worker_that_ends_at_once_stops_the_deploy_and_leaves_the_old_one(
    system, init, rule, how, monkeypatch
):
    old = release_of(system, init, OLD, True, mail=rule)
    new = release_of(system, init, NEW, False, mail=rule)
    init.dying.add(new["mail"])
    launch = init.launch

    def refused(unit):
        launch(unit)
        if unit in init.dying:
            raise StepFailed("service-failed", "it did not start")

    if how == "while it is started":
        monkeypatch.setattr(init, "launch", refused)

    with pytest.raises(StepFailed) as caught:
        START.fix(system, frozenset())

    assert caught.value.code == "worker-exited"
    assert "No module named 'x'" in caught.value.found
    assert init.running == set(old.values())
    assert init.on_boot == set(old.values())


def test_the_stricter_rule_of_two_releases_counts(system, init):
    old = release_of(system, init, OLD, True, mail="one")
    release_of(system, init, NEW, False, mail="overlap")
    do(system, START)
    assert init.did[0] == ("stop", old["mail"])


def test_a_rollback_is_the_same_in_the_other_direction(system, init):
    old = release_of(system, init, OLD, False, clock="one")
    new = release_of(system, init, NEW, True, clock="one", extra="overlap")

    workers.bring(system, "shop", OLD)

    assert init.did[:2] == [("stop", new["clock"]), ("launch", old["clock"])]
    assert init.running == set(old.values())


def test_workers_that_a_release_has_no_more_end_after_the_switch(system, init):
    old = release_of(system, init, OLD, True, mail="gap")
    do(system, START)
    assert init.running == set(old.values())
    do(system, ONLY)
    assert init.running == init.on_boot == set()


def test_nothing_is_done_twice(system, init):
    release_of(system, init, NEW, True, mail="overlap")
    assert START.found(system) == START.wanted()
    assert ONLY.found(system) == ONLY.wanted()


def test_schedules_change_over_and_a_job_that_runs_is_left_alone(system, init):
    for release in (OLD, NEW):
        for ending in (".timer", ".service", "-due.service"):
            unit = job_unit("shop", release, "nightly", ending)
            system.put(f"/etc/systemd/system/{unit}", b"[Service]\n")
    timed = {job_unit("shop", OLD, "nightly", ".timer")}
    job = job_unit("shop", OLD, "nightly")
    init.running = {*timed, job}
    init.on_boot = set(timed)

    do(system, START)
    assert not init.did
    do(system, ONLY)

    mine = {job_unit("shop", NEW, "nightly", ".timer")}
    assert init.running == {*mine, job}
    assert init.on_boot == mine
    assert workers.alive(system, "shop", OLD) == [job]


def test_units_are_written_and_read_at_once(system, init):
    system.put("/etc/systemd/system", kind="directory")
    units = {worker_unit("shop", NEW, "mail", n): TEXT.format("gap") for n in (1, 2)}
    resource = Processes("shop", release=NEW, units=units)
    do(system, resource)
    assert [verb for verb, _ in init.did] == ["load"]
    assert workers.rule_of(system, next(iter(units))) == "gap"


def test_schedules_need_systemd(init):
    system = MemorySystem(facts=Facts(init="supervisor"))
    units = {job_unit("shop", NEW, "nightly", ".timer"): "[Timer]\nOnCalendar=daily\n"}
    with pytest.raises(StepFailed) as caught:
        Processes("shop", release=NEW, units=units).fix(system, frozenset())
    assert caught.value.code == "timer-needs-systemd"


@pytest.mark.parametrize("unit", ["x.service", f"shop-{OLD}-mail-1.service", f"shop-{NEW}.service"])
def test_units_of_others_are_refused(unit):
    with pytest.raises(Invalid):
        Processes("shop", release=NEW, units={unit: "[Service]\n"}).validate()
    with pytest.raises(Invalid):
        Workers("shop", release="x").validate()


@pytest.mark.parametrize(
    ("unit", "part"),
    [
        (f"shop-{NEW}.service", None),
        (f"shop-admin-{NEW}-mail-1.service", None),
        (f"shop-{NEW}-mail-1.timer", None),
        (f"shop-{NEW}-mail-12.service", Part("", NEW, "mail", "worker")),
        (f"shop-{NEW}-nightly.service", Part("", NEW, "nightly", "job")),
        (f"shop-{NEW}-nightly-due.service", Part("", NEW, "nightly", "due")),
        (f"shop-{NEW}-nightly.timer", Part("", NEW, "nightly", "timer")),
        (f"shop-{NEW}-nightly.path", None),
    ],
)
def test_a_unit_tells_what_it_is(unit, part):
    found = part_of("shop", unit)
    if part is None:
        assert found is None
    else:
        assert (found.release, found.name, found.kind) == (part.release, part.name, part.kind)
