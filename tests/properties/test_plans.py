"""What holds for any plan, on any machine: random plans over the Debian machine in memory.

A plan is some of a small world's resources in some order, so that they meet; the machine is one
that another such plan has been applied to, and that somebody has worked on by hand since.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from toque.cookbooks.compile import Compiled, assemble
from toque.cookbooks.recipe import Added
from toque.errors import BadCookbook
from toque.node.agreement import moved
from toque.node.engine import walk
from toque.node.journal import MemoryJournal
from toque.node.model import Action, Guard, Outcome, Status
from toque.node.resources import TYPES
from toque.node.resources.command import Command
from toque.node.resources.directory import Directory
from toque.node.resources.file import File
from toque.node.resources.group import Group
from toque.node.resources.link import Link
from toque.node.resources.package import Package
from toque.node.resources.service import Service
from toque.node.resources.unit import Unit
from toque.node.resources.user import User
from toque.node.seal import sealer
from toque.testing import DEBIAN, Machine

SEAL = sealer(b"a key of the node that is secret")
UNIT = "[Service]\nExecStart=/usr/bin/sleep {}\n[Install]\nWantedBy=multi-user.target\n"
PATHS = ("/srv/a", "/srv/b", "/srv/a/x", "/srv/a/y", "/etc/nginx/nginx.conf", "/etc/nginx/z")
TEXTS = ("one\n", "two\n", "")
MODES = (0o600, 0o644, 0o755)
USERS = ("ann", "bob")
SERVICES = ("nginx", "own")
COUNTS: Counter[str] = Counter()

owners = st.sampled_from(("root", *USERS))
guards = st.sampled_from(
    [(), (Guard("exists", "/srv/a"),), (Guard("missing", "/srv/b"),), (Guard("fact", ("os", "x")),)]
)
notified_one = st.sampled_from(
    [Action(f"service:{n}", v) for n in SERVICES for v in ("restart", "reload")]
)
notified = st.sets(notified_one, max_size=2).map(tuple)


def files(path: str) -> st.SearchStrategy[File]:
    written = st.builds(
        File,
        path=st.just(path),
        content=st.sampled_from(TEXTS),
        owner=owners,
        mode=st.sampled_from(MODES),
    )
    return written | st.just(File(path, absent=True)) | st.just(File(path, mode=0o640))


def directories(path: str) -> st.SearchStrategy[Directory]:
    made = st.builds(Directory, path=st.just(path), owner=owners, mode=st.sampled_from(MODES))
    return made | st.just(Directory(path, absent=True, recursive=True))


resources = st.one_of(
    st.sampled_from(PATHS).flatmap(files),
    st.sampled_from(PATHS[:2]).flatmap(directories),
    st.builds(Link, path=st.sampled_from(PATHS), target=st.sampled_from(("a", "/srv/b"))),
    st.builds(Group, name=st.sampled_from(("crew", "ann")), absent=st.booleans()),
    st.builds(User, name=st.sampled_from(USERS), absent=st.booleans()),
    st.sampled_from([Package("nginx"), Package("git", "nginx"), Package("nginx", absent=True)]),
    st.builds(Unit, name=st.just("own.service"), content=st.sampled_from((1, 2)).map(UNIT.format)),
    st.sampled_from([Command(("touch", "/srv/made"), creates="/srv/made")]),
)
services = st.builds(
    Service,
    name=st.sampled_from(SERVICES),
    running=st.none() | st.booleans(),
    enabled=st.none() | st.booleans(),
)


@st.composite
def plans(draw: st.DrawFn) -> Compiled:
    """A plan that the compiler accepts, as a recipe would have made it."""
    chosen = draw(
        st.lists(
            st.tuples(resources, notified, guards),
            min_size=2,
            max_size=9,
            unique_by=lambda one: getattr(one[0], "path", one[0].id),
        )
    )
    ended = draw(st.lists(services, max_size=2, unique_by=lambda service: service.name))
    there = {service.id for service in ended}
    added = [
        Added(resource, f"recipe.py:{line}", tuple(a for a in notify if a.target in there), when)
        for line, (resource, notify, when) in enumerate(chosen, 1)
    ]
    added += [Added(service, "recipe.py:99") for service in ended]
    try:
        return assemble("random", added, {}, facts=DEBIAN)
    except BadCookbook:
        assume(False)
        raise


@st.composite
def sound_plans(draw: st.DrawFn) -> Compiled:
    """A plan that somebody might write: what is needed comes first, so that no step fails."""
    owner = draw(owners)
    some = st.sets(notified_one, max_size=2).map(tuple)
    parts: list[tuple[Any, tuple[Action, ...]]] = [
        (Group("crew"), ()),
        (User("ann"), ()),
        (User("bob"), ()),
        (draw(st.sampled_from([Package("nginx"), Package("git", "nginx")])), draw(some)),
        (Directory("/srv/a", owner=owner, mode=draw(st.sampled_from(MODES))), draw(some)),
        (Directory("/srv/b/c/d", parents=True), ()),
        (draw(files("/srv/a/x").filter(lambda file: file.content is not None)), draw(some)),
        (File("/srv/a/gone", absent=True), draw(some)),
        (File("/etc/nginx/z", content=draw(st.sampled_from(TEXTS))), draw(some)),
        (Link("/srv/current", draw(st.sampled_from(("a", "b")))), draw(some)),
        (Unit("own.service", UNIT.format(draw(st.sampled_from((1, 2))))), draw(some)),
        (Command(("touch", "/srv/a/made"), creates="/srv/a/made"), draw(some)),
        (Service("nginx", running=True, enabled=draw(st.booleans())), ()),
        (Service("own", running=True), ()),
    ]
    needed = {0, 1, 2, 3, 4, 10, 12, 13}
    left = draw(st.sets(st.sampled_from([n for n in range(len(parts)) if n not in needed])))
    added = [
        Added(resource, f"recipe.py:{line}", notify)
        for line, (resource, notify) in enumerate(parts)
        if line not in left
    ]
    return assemble("sound", added, {}, facts=DEBIAN)


def by_hand(path: str, what: str) -> Callable[[Machine], None]:
    """Somebody at work on the machine, as far as it lets them."""

    def work(machine: Machine) -> None:
        above = machine.tree.get(path.rpartition("/")[0])
        if above is None or above.kind != "directory":
            return
        if what == "remove":
            machine.remove_tree(path)
        elif what == "write":
            machine.remove_tree(path)
            machine.put(path, b"by hand\n")
        elif what == "mode" and path in machine.tree:
            machine.tree[path].mode ^= 0o111

    return work


edits = st.lists(
    st.builds(by_hand, st.sampled_from(PATHS), st.sampled_from(("remove", "write", "mode"))),
    max_size=3,
)


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    """A machine with a past."""
    machine = Machine()
    applied(draw(plans()), machine)
    for edit in draw(edits):
        edit(machine)
    machine.journal = MemoryJournal()
    return machine


def applied(
    plan: Compiled, machine: Machine, agreed: Sequence[Outcome] | None = None
) -> tuple[Outcome, ...]:
    machine.forget(None)
    return walk(
        plan.plan,
        machine,
        TYPES,
        journal=machine.journal,
        secrets={},
        agreed=None if agreed is None else {outcome.step: outcome for outcome in agreed},
    )


def checked(plan: Compiled, machine: Machine) -> tuple[Outcome, ...]:
    machine.forget(None)
    ledger = MemoryJournal(machine.journal.owed())
    return walk(plan.plan, machine, TYPES, journal=ledger, secrets={}, check=True, seal=SEAL)


def picture(machine: Machine) -> dict[str, Any]:
    """All that a plan can change: the tree, what systemd runs, what is installed."""
    tree = {path: copy.copy(entry) for path, entry in machine.tree.items()}
    running = {name: machine.systemctl.running(name) for name in ("nginx.service", "own.service")}
    return {"tree": tree, "running": running}


many = settings(
    max_examples=100,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@many
@given(plans() | sound_plans(), machines())
def test_check_changes_nothing(plan: Compiled, machine: Machine) -> None:
    before = picture(machine)

    checked(plan, machine)

    assert picture(machine) == before
    COUNTS["checks"] += 1


@many
@given(plans() | sound_plans(), machines())
def test_apply_gives_exactly_the_planned_changes(plan: Compiled, machine: Machine) -> None:
    planned = checked(plan, machine)

    done = applied(plan, machine, agreed=planned)

    for was, now in zip(planned, done, strict=True):
        if was.status is Status.UNKNOWN or now.status is Status.NOT_RUN:
            COUNTS["steps unknown or behind a failure"] += 1
            continue
        if now.status is Status.FAILED and was.status is not Status.FAILED:
            # What an earlier step has really done could not be foreseen: refused, not done.
            assert any(p.status in (Status.WOULD_CHANGE, Status.UNKNOWN) for p in planned), now
            COUNTS["steps refused or failed after changes"] += 1
            continue
        if was.status is Status.WOULD_CHANGE and now.status is Status.OK:
            COUNTS["steps that an earlier one had done"] += 1
            continue
        same = Status.CHANGED if was.status is Status.WOULD_CHANGE else was.status
        assert now.status is same, (was, now)
        assert set(now.keys) <= set(was.keys), (was, now)
        if now.keys == was.keys:
            assert now.diff == was.diff
        COUNTS["steps as planned"] += 1
    COUNTS["plans"] += 1


@many
@given(plans() | sound_plans(), machines())
def test_second_apply_changes_nothing(plan: Compiled, machine: Machine) -> None:
    first = applied(plan, machine)
    assume(not any(outcome.trouble for outcome in first))
    before = picture(machine)

    second = applied(plan, machine)

    # A guard may hold only since a later step of the first run: then its step had not run yet.
    late = [o for was, o in zip(first, second, strict=True) if was.status is Status.SKIPPED]
    assume(all(o.status is Status.SKIPPED for o in late))
    if stable(plan):
        assert [o for o in second if o.status is Status.CHANGED or o.actions] == []
        assert picture(machine) == before
        COUNTS["second applies"] += 1


def stable(plan: Compiled) -> bool:
    """Whether no step of a plan undoes another: a removed package takes its files along."""
    ids = set(plan.ids)
    undone = any(isinstance(r, Package) and r.absent for r in plan.resources.values())
    undone |= any(isinstance(r, Group | User) and r.absent for r in plan.resources.values())
    undone |= any(isinstance(r, Directory) and r.absent for r in plan.resources.values())
    return not (undone and len(ids) > 1)


@many
@given(plans() | sound_plans(), machines(), st.data())
def test_plan_is_refused_on_a_machine_that_moved(
    plan: Compiled, machine: Machine, data: st.DataObject
) -> None:
    planned = checked(plan, machine)
    assert list(moved(planned, checked(plan, machine))) == []
    seen = {o.step: (o.status, o.seen, o.trouble) for o in planned}

    paths = [r.path for r in plan.resources.values() if isinstance(r, File | Directory | Link)]
    path = data.draw(st.sampled_from(paths or PATHS))
    by_hand(path, data.draw(st.sampled_from(("remove", "write", "mode"))))(machine)
    now = checked(plan, machine)

    different = [o.step for o in now if (o.status, o.seen, o.trouble) != seen[o.step]]
    told = [one["step"] for one in moved(planned, now)]
    assert set(told) >= {step for step in different if seen[step][0] is not Status.FAILED}
    COUNTS["plans refused" if told else "plans that what moved does not concern"] += 1


class Killed(BaseException):
    """The process ends here."""


class Mortal:
    """Ends the process before or after the n-th thing that it does to a machine.

    What a program does that it has started is the program's: that goes on without the process.
    """

    DEEDS = ("write", "mkdir", "chown", "chmod", "link", "rename", "remove", "remove_tree", "run")

    def __init__(self, machine: Machine, number: int, *, after: bool) -> None:
        self.left = number
        self.after = after
        self.inside = 0  # programs
        for name in self.DEEDS:
            setattr(machine, name, self.wrapped(getattr(machine, name)))
        for name in ("owe", "settle"):
            setattr(machine.journal, name, self.wrapped(getattr(machine.journal, name)))

    def wrapped(self, deed: Callable[..., Any]) -> Callable[..., Any]:
        def done(*args: Any, **kwargs: Any) -> Any:
            if self.inside:
                return deed(*args, **kwargs)
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Killed
            self.inside += 1
            try:
                result = deed(*args, **kwargs)
            finally:
                self.inside -= 1
            if self.left == 0:
                raise Killed
            return result

        return done


def revived(machine: Machine) -> Machine:
    """The machine after the process is gone: nothing that was wrapped or only remembered."""
    for name in Mortal.DEEDS:
        vars(machine).pop(name, None)
    machine.journal = MemoryJournal(machine.journal.owed())
    machine.forget(None)
    return machine


@settings(many, max_examples=25)
@given(sound_plans(), edits)
def test_run_that_is_killed_anywhere_ends_like_one_that_was_not(
    plan: Compiled, before: list[Callable[[Machine], None]]
) -> None:
    def fresh() -> Machine:
        machine = Machine(files={"/srv/a/gone": b"x"})
        for edit in before:
            edit(machine)
        return machine

    whole = fresh()
    assume(not any(outcome.trouble for outcome in applied(plan, whole)))
    expected = picture(whole)

    for number in range(1, 500):
        machine = fresh()
        mortal = Mortal(machine, number, after=number % 2 == 0)
        try:
            applied(plan, machine)
        except Killed:
            pass
        if mortal.left > 0:
            break
        outcomes = applied(plan, revived(machine))
        assert not [o for o in outcomes if o.trouble], (number, outcomes)
        assert machine.journal.owed() == ()
        assert picture(machine) == expected, number
        COUNTS["kills survived"] += 1
    else:
        pytest.fail("the walk never gets through")
    COUNTS["plans killed everywhere"] += 1


def test_enough_was_tried(record_property: Callable[[str, object], None]) -> None:
    """Last in this file, so that it sees what the others have counted."""
    record_property(
        "figure", ", ".join(f"{name} {count}" for name, count in sorted(COUNTS.items()))
    )

    assert COUNTS["steps as planned"] > 100
    assert COUNTS["plans refused"] > 5
    assert COUNTS["second applies"] > 20
    assert COUNTS["kills survived"] > 300
