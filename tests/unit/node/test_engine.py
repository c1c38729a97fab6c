"""The walk, over a machine in a dict."""

from dataclasses import dataclass
from typing import ClassVar, FrozenSet, Optional, Tuple

import pytest

from toque.node.engine import walk
from toque.node.errors import NotReady, StepFailed
from toque.node.journal import MemoryJournal
from toque.node.memory import MemorySystem
from toque.node.model import Action, Guard, Plan, Step
from toque.node.resource import Resource, State
from toque.node.system import System


@dataclass(frozen=True)
class Note(Resource):
    """A toy type: a file's text, with verbs that append to /log."""

    path: str
    text: str = ""
    breaks: str = ""

    kind: ClassVar[str] = "note"
    verbs: ClassVar[Tuple[str, ...]] = ("restart", "reload")

    def wanted(self) -> Optional[State]:
        return {"text": self.text}

    def found(self, system: System) -> Optional[State]:
        if self.breaks == "not-ready":
            raise NotReady("program-missing", "no program")
        if system.stat(self.path) is None:
            return None
        return {"text": system.read(self.path).decode()}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.breaks == "before":
            raise StepFailed("command-failed", "broke before the change")
        if self.breaks != "liar":
            system.write(self.path, self.text.encode())
        if self.breaks == "after":
            raise StepFailed("command-failed", "broke after the change")

    def perform(self, system: System, verb: str) -> None:
        old = system.read("/log").decode() if system.stat("/log") else ""
        system.write("/log", f"{old}{verb} {self.path}\n".encode())

    def answered_by(self, fixed: FrozenSet[str]) -> FrozenSet[str]:
        return frozenset(self.verbs) if "exists" in fixed else frozenset()


def step(path: str, text: str = "x", **rest: object) -> Step:
    breaks = str(rest.pop("breaks", ""))
    return Step(f"note:{path}", "note", {"path": path, "text": text, "breaks": breaks}, **rest)  # type: ignore[arg-type]


def run(
    system: MemorySystem,
    *steps: Step,
    journal: MemoryJournal | None = None,
    check: bool = False,
):
    return walk(
        Plan("test", steps),
        system,
        {"note": Note},
        journal=journal or MemoryJournal(),
        secrets={},
        check=check,
    )


def statuses(outcomes) -> list[str]:
    return [o.status.value for o in outcomes]


def test_second_walk_changes_nothing() -> None:
    system = MemorySystem()

    first = run(system, step("/a"), step("/b"))
    second = run(system, step("/a"), step("/b"))

    assert statuses(first) == ["changed", "changed"]
    assert statuses(second) == ["ok", "ok"]


def test_check_tells_the_same_and_changes_nothing() -> None:
    system = MemorySystem(files={"/a": b"old"})

    outcomes = run(system, step("/a", "new"), check=True)

    assert statuses(outcomes) == ["would-change"]
    assert outcomes[0].diff == ("~ text: old -> new",)
    assert system.read("/a") == b"old"


def test_a_failed_step_ends_the_walk() -> None:
    system = MemorySystem()

    outcomes = run(system, step("/a"), step("/b", breaks="before"), step("/c"))

    assert statuses(outcomes) == ["changed", "failed", "not-run"]
    assert outcomes[1].trouble is not None
    assert outcomes[1].trouble["code"] == "command-failed"


def test_a_step_that_does_not_stay_fixed_is_a_failure() -> None:
    outcomes = run(MemorySystem(), step("/a", breaks="liar"))

    assert outcomes[0].trouble is not None
    assert outcomes[0].trouble["code"] == "not-fixed"


def test_a_notification_is_answered_at_its_target_by_the_strongest_verb_once() -> None:
    system = MemorySystem(files={"/svc": b"x"})
    tell = (Action("note:/svc", "reload"), Action("note:/svc", "restart"))

    outcomes = run(system, step("/a", notify=tell), step("/b", notify=tell), step("/svc"))

    assert outcomes[-1].actions == ("restart",)
    assert system.read("/log") == b"restart /svc\n"


def test_a_start_answers_the_restart_it_was_owed() -> None:
    system = MemorySystem()

    outcomes = run(system, step("/a", notify=(Action("note:/svc", "restart"),)), step("/svc"))

    assert outcomes[-1].actions == ()
    assert system.stat("/log") is None


def test_a_debt_survives_a_failed_walk_and_is_paid_by_the_next() -> None:
    system, journal = MemorySystem(files={"/svc": b"x"}), MemoryJournal()
    owing = step("/a", notify=(Action("note:/svc", "restart"),))

    run(system, owing, step("/b", breaks="before"), step("/svc"), journal=journal)
    second = run(system, owing, step("/b"), step("/svc"), journal=journal)

    assert statuses(second) == ["ok", "changed", "ok"]
    assert second[2].actions == ("restart",)
    assert journal.owed() == ()


def test_a_fix_that_broke_after_the_change_still_owes() -> None:
    system, journal = MemorySystem(files={"/svc": b"x"}), MemoryJournal()
    tell = (Action("note:/svc", "restart"),)

    run(system, step("/a", breaks="after", notify=tell), step("/svc"), journal=journal)

    assert journal.owed() == tell


def test_a_fix_that_broke_before_the_change_owes_nothing() -> None:
    system, journal = MemorySystem(files={"/svc": b"x"}), MemoryJournal()
    tell = (Action("note:/svc", "restart"),)

    run(system, step("/a", breaks="before", notify=tell), step("/svc"), journal=journal)

    assert journal.owed() == ()


def test_what_depends_on_an_unapplied_step_is_unknown_in_check_mode_only() -> None:
    system = MemorySystem()
    steps = step("/a"), step("/b", breaks="not-ready")

    assert statuses(run(system, *steps, check=True)) == ["would-change", "unknown"]
    assert statuses(run(MemorySystem(), steps[1], check=True)) == ["failed"]
    assert statuses(run(system, *steps)) == ["changed", "failed"]


@pytest.mark.parametrize(
    ("guard", "status"),
    [
        (Guard("exists", "/there"), "changed"),
        (Guard("exists", "/gone"), "skipped"),
        (Guard("missing", "/gone"), "changed"),
        (Guard("fact", ("codename", "bookworm")), "changed"),
        (Guard("fact", ("codename", "trixie")), "skipped"),
    ],
)
def test_guards_are_read_just_before_the_step(guard: Guard, status: str) -> None:
    system = MemorySystem(files={"/there": b""})

    assert statuses(run(system, step("/a", when=(guard,)))) == [status]


def test_a_stop_lets_the_current_step_end_and_runs_no_other() -> None:
    system, asked = MemorySystem(), []

    outcomes = walk(
        Plan("test", (step("/a"), step("/b"))),
        system,
        {"note": Note},
        journal=MemoryJournal(),
        secrets={},
        begin=lambda s: asked.append(s.id),
        stopping=lambda: bool(asked),
    )

    assert statuses(outcomes) == ["changed", "not-run"]


def test_a_verb_that_the_type_no_longer_has_is_forgotten_and_breaks_nothing() -> None:
    system, journal = MemorySystem(files={"/svc": b"x"}), MemoryJournal()
    journal.owe((Action("note:/svc", "polish"),))

    outcomes = run(system, step("/svc"), journal=journal)

    assert (statuses(outcomes), outcomes[0].actions, journal.owed()) == (["ok"], (), ())
