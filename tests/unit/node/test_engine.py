"""The walk, over a machine in a dict."""

import errno
from dataclasses import dataclass
from typing import ClassVar, FrozenSet, Optional, Tuple

import pytest

from toque.node.attempt import HIDDEN
from toque.node.engine import walk
from toque.node.errors import NotReady, StepFailed
from toque.node.guards import moot
from toque.node.journal import MemoryJournal
from toque.node.memory import MemorySystem
from toque.node.model import Action, Guard, Plan, Step
from toque.node.resource import Resource, State
from toque.node.seal import sealer
from toque.node.system import Result, System


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
        if self.breaks == "disk":
            raise OSError(errno.EIO, "Input/output error", self.path)
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

    def answered_by(self, found: object, fixed: FrozenSet[str]) -> FrozenSet[str]:
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


def test_a_disk_that_cannot_be_read_is_told_in_the_systems_words_and_is_no_bug_of_ours() -> None:
    system = MemorySystem()

    (outcome,) = run(system, step("/a", breaks="disk"))

    assert outcome.trouble is not None
    assert outcome.trouble["code"] == "path-failed"
    assert "/a: Input/output error" in outcome.trouble["message"]


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


def test_a_verb_that_fails_is_still_owed() -> None:
    """Nothing in between may forget it: a kill is no different from a failure here."""
    system, journal = MemorySystem(files={"/b": b"x"}), MemoryJournal()
    system.put("/log", kind="directory")  # where performing appends

    outcomes = run(
        system,
        step("/a", notify=(Action("note:/b", "reload"),)),
        step("/b"),
        journal=journal,
    )
    system.remove("/log")
    again = run(system, step("/b"), journal=journal)

    assert outcomes[-1].status.value == "failed"
    assert again[0].actions == ("reload",)
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


def test_a_guard_that_an_earlier_step_may_supply_is_unknown_in_check_mode_only() -> None:
    steps = step("/a"), step("/b", when=(Guard("succeeds", ("not-installed",)),))

    assert statuses(run(MemorySystem(), *steps, check=True)) == ["would-change", "unknown"]
    assert statuses(run(MemorySystem(), steps[1], check=True)) == ["failed"]
    applied = run(MemorySystem(), *steps)
    assert statuses(applied) == ["changed", "failed"]
    assert applied[1].trouble is not None
    assert applied[1].trouble["code"] == "guard-failed"


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


class Flaky(MemorySystem):
    """A machine on which the first ``failures`` writes fail."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    def write(self, path: str, data: bytes, **rest: object) -> None:  # type: ignore[override]
        if self.failures:
            self.failures -= 1
            raise StepFailed("command-failed", "words of a program", log=["its last line"])
        super().write(path, data, **rest)  # type: ignore[arg-type]


def test_step_is_tried_again_as_often_as_it_says_and_waits_between() -> None:
    system = Flaky(2)

    (outcome,) = run(system, step("/a", retries=2, retry_wait_s=7.0))

    assert outcome.status.value == "changed"
    assert outcome.notes == ("attempt 3 of 3 succeeded",)
    assert system.clock == 14.0
    assert run(Flaky(2), step("/a", retries=1))[0].status.value == "failed"


def test_check_does_not_try_again() -> None:
    system = MemorySystem()

    (outcome,) = run(system, step("/a", breaks="not-ready", retries=3), check=True)

    assert (outcome.status.value, system.clock) == ("failed", 0.0)


def test_sensitive_step_shows_neither_its_difference_nor_a_programs_words() -> None:
    shown = run(MemorySystem(), step("/a", text="tell nobody", sensitive=True))[0]
    failed = run(Flaky(1), step("/a", sensitive=True))[0]

    assert (shown.status.value, shown.diff) == ("changed", (HIDDEN,))
    assert failed.trouble is not None
    assert failed.trouble["code"] == "command-failed"
    assert "words" not in str(failed.trouble)
    assert "its last line" not in str(failed.trouble)


def agreed(system: MemorySystem, *steps: Step, journal: MemoryJournal | None = None):
    """What a check shows, by step."""
    shown = run(system, *steps, journal=journal, check=True)
    return {outcome.step: outcome for outcome in shown}


def applied(system: MemorySystem, plan, *steps: Step):
    return walk(
        Plan("test", steps),
        system,
        {"note": Note},
        journal=MemoryJournal(),
        secrets={},
        agreed=plan,
    )


def test_apply_of_an_agreed_plan_does_what_was_shown() -> None:
    system = MemorySystem(files={"/b": b"x"})
    steps = (step("/a", notify=(Action("note:/b", "reload"),)), step("/b"))
    plan = agreed(system, *steps)

    outcomes = applied(system, plan, *steps)

    assert [(o.status.value, o.actions) for o in outcomes] == [
        ("changed", ()),
        ("ok", ("reload",)),
    ]
    assert plan["note:/b"].actions == ("reload",)


def test_apply_refuses_a_step_that_would_do_more_than_was_agreed() -> None:
    system = MemorySystem(files={"/b": b"x"})
    steps = (step("/a"), step("/b"))
    plan = agreed(system, *steps)
    system.put("/b", b"moved meanwhile")

    outcomes = applied(system, plan, *steps)

    assert statuses(outcomes) == ["changed", "failed"]
    assert outcomes[1].trouble["code"] == "plan-exceeded"
    assert system.read("/b") == b"moved meanwhile"


def test_apply_refuses_a_verb_that_nobody_has_seen() -> None:
    system = MemorySystem(files={"/b": b"x"})
    plan = agreed(system, step("/b"))

    owed = MemoryJournal((Action("note:/b", "restart"),))
    outcomes = walk(
        Plan("test", (step("/b"),)),
        system,
        {"note": Note},
        journal=owed,
        secrets={},
        agreed=plan,
    )

    assert outcomes[0].trouble["code"] == "plan-exceeded"
    assert system.stat("/log") is None
    assert owed.owed() == (Action("note:/b", "restart"),)


def test_apply_may_do_less_than_was_agreed() -> None:
    system = MemorySystem()
    plan = agreed(system, step("/a"))
    system.put("/a", b"x")

    assert statuses(applied(system, plan, step("/a"))) == ["ok"]


def test_what_an_unknown_step_may_owe_is_shown_as_perhaps() -> None:
    system = MemorySystem(files={"/c": b"x"})
    steps = (
        step("/a"),
        step("/b", breaks="not-ready", notify=(Action("note:/c", "reload"),)),
        step("/c"),
    )

    plan = agreed(system, *steps)

    assert plan["note:/b"].status.value == "unknown"
    assert plan["note:/c"].actions == ("reload?",)


def test_seals_tell_what_was_found_only_to_whoever_has_the_key() -> None:
    system = MemorySystem(files={"/a": b"one"})

    def seen(key: bytes):
        return walk(
            Plan("test", (step("/a"),)),
            system,
            {"note": Note},
            journal=MemoryJournal(),
            secrets={},
            check=True,
            seal=sealer(key),
        )[0].seen

    first = seen(b"k" * 32)
    assert first == seen(b"k" * 32)
    assert first != seen(b"l" * 32)
    system.put("/a", b"two")
    assert first != seen(b"k" * 32)
    assert set(first) == {"exists", "text"}
    system.remove("/a")
    assert seen(b"k" * 32) == {}


@pytest.mark.parametrize(
    ("guard", "status"),
    [
        (Guard("missing", "/elsewhere"), "unknown"),  # a note may write anything
        (Guard("succeeds", ("true",)), "unknown"),
        (Guard("fact", ("os", "plan9")), "skipped"),
    ],
)
def test_check_knows_no_answer_that_an_earlier_step_may_change(guard: Guard, status: str) -> None:
    system = MemorySystem(programs={"true": lambda argv, stdin, user: Result(argv, 0)})

    outcomes = run(system, step("/a"), step("/b", when=(guard,)), check=True)

    assert statuses(outcomes) == ["would-change", status]
    assert statuses(run(system, step("/a"), step("/b", when=(guard,))))[0] == "changed"


@pytest.mark.parametrize(
    ("path", "is_moot"), [("/srv/a", True), ("/srv/a/b", True), ("/srv", True), ("/srv/ab", False)]
)
def test_step_of_one_path_can_change_only_what_is_at_it_above_or_below(
    path: str, is_moot: bool
) -> None:
    made = Step("directory:/srv/a", "directory", {"path": "/srv/a"})

    assert moot(Guard("exists", path), (made,)) is is_moot
