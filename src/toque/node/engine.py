"""The walk: guard, compare, fix, compare again, answer notifications.

Rules of this file:
* Check mode is the same path without ``fix`` and ``perform``.
* What a change will owe is journalled before the change is made, so a kill between the two never
  loses a restart; when the change turns out not to have happened the debt is taken back.
* A failed step ends the walk; the rest is "not run" and debts stay in the journal.
* Verbs are listed strongest first in a type; performing one settles the weaker ones too.
"""

import contextlib
import itertools
from dataclasses import replace
from typing import Callable, FrozenSet, List, Mapping, Optional, Sequence, Tuple, Type

from .errors import NotReady, StepFailed
from .journal import Journal
from .model import Action, Guard, Outcome, Plan, Status, Step
from .resource import Resource, State, differing
from .system import System
from .wire import decode_value

Emit = Callable[[Outcome], None]
HIDDEN = "(differs; not shown because it holds a secret)"


def walk(
    plan: Plan,
    system: System,
    types: Mapping[str, Type[Resource]],
    *,
    journal: Journal,
    secrets: Mapping[str, str],
    check: bool = False,
    begin: Callable[[Step], None] = lambda step: None,
    emit: Emit = lambda outcome: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Tuple[Outcome, ...]:
    """Run a plan's steps in order and say what happened to each.

    ``begin`` is called before each step, ``emit`` after; ``stopping`` is asked between steps.
    """
    run = _Walk(system, types, journal, secrets, check)
    outcomes: List[Outcome] = []
    ended = False
    changes = False  # of earlier steps, in check mode
    kind = ""
    for number, step in enumerate(plan.steps):
        if ended or stopping():
            ended = True
            outcome = Outcome(step.id, Status.NOT_RUN, place=step.place)
        else:
            begin(step)
            if step.kind != kind:
                run.foresee(plan.steps[number:])
            kind = step.kind
            outcome = run.outcome(step, earlier_changes=changes)
            changes = changes or outcome.status in (Status.WOULD_CHANGE, Status.UNKNOWN)
            ended = outcome.status is Status.FAILED
        outcomes.append(outcome)
        emit(outcome)
    return tuple(outcomes)


class _Walk:
    """What every step of one walk is run with."""

    def __init__(
        self,
        system: System,
        types: Mapping[str, Type[Resource]],
        journal: Journal,
        secrets: Mapping[str, str],
        check: bool,
    ) -> None:
        self.system = system
        self.types = types
        self.journal = journal
        self.secrets = secrets
        self.check = check

    def foresee(self, steps: Sequence[Step]) -> None:
        """Look at the first step and its neighbours of the same kind at once, if that is cheaper.

        What goes wrong here goes wrong again in the step itself, which then says so.
        """
        kind = self.types[steps[0].kind]
        if not kind.together:
            return
        same = itertools.takewhile(lambda step: step.kind == steps[0].kind, steps)
        with contextlib.suppress(Exception):
            kind.prefetch(self.system, [self._resource(step) for step in same])

    def _resource(self, step: Step) -> Resource:
        return self.types[step.kind](**decode_value(dict(step.fields), self.secrets))

    def outcome(self, step: Step, *, earlier_changes: bool) -> Outcome:
        """Run one step; its failure is part of the outcome, never raised."""
        started = self.system.monotonic()
        outcome = self._tried(step, earlier_changes)
        return replace(
            outcome,
            seconds=self.system.monotonic() - started,
            place=step.place,
            notes=self.system.taken_notes(),
        )

    def _tried(self, step: Step, earlier_changes: bool) -> Outcome:
        try:
            return _Run(step, self._resource(step), self.system, self.journal, self.check).outcome()
        except NotReady as error:
            unknown = self.check and earlier_changes
            return Outcome(step.id, Status.UNKNOWN) if unknown else _failed(step, error)
        except StepFailed as error:
            return _failed(step, error)
        except Exception as error:  # noqa: BLE001 - our bug: end the run in order, with its words
            import traceback

            bug = StepFailed(
                "node-bug",
                f"{type(error).__name__}: {error}",
                hint="please report this with the lines below",
                log=traceback.format_exc().splitlines()[-12:],
            )
            return _failed(step, bug)


class _Run:
    """One step on its way through the walk."""

    def __init__(
        self, step: Step, resource: Resource, system: System, journal: Journal, check: bool
    ) -> None:
        self.step = step
        self.resource = resource
        self.system = system
        self.journal = journal
        self.check = check

    def outcome(self) -> Outcome:
        if not all(holds(guard, self.system) for guard in self.step.when):
            return Outcome(self.step.id, Status.SKIPPED)
        wanted = self.resource.wanted()
        found = self.resource.found(self.system)
        keys = differing(wanted, found)
        status, diff = Status.OK, ()  # type: Tuple[Status, Tuple[str, ...]]
        if keys:
            diff = self._shown(found, keys)
            status = Status.WOULD_CHANGE if self.check else Status.CHANGED
            if self.check:
                self.journal.owe(self.step.notify)
            else:
                self._fix(wanted, found, keys)
        return Outcome(self.step.id, status, diff=diff, actions=self._answer(keys))

    def _shown(self, found: Optional[State], keys: FrozenSet[str]) -> Tuple[str, ...]:
        if self.resource.sensitive():
            return (HIDDEN,)
        return tuple(self.resource.show(found, keys))

    def _fix(self, wanted: Optional[State], found: Optional[State], keys: FrozenSet[str]) -> None:
        before = self.journal.owed()
        self.journal.owe(self.step.notify)
        try:
            self.resource.fix(self.system, keys)
        except StepFailed:
            self._take_back(found, before)
            raise
        finally:
            self.system.forget(self.resource.disturbs)
        if not self.resource.reads_back():
            return
        left = differing(wanted, self.resource.found(self.system))
        if left:
            raise StepFailed(
                "not-fixed",
                f"{self.step.id} is still not as wanted after it was put right",
                expected="no difference",
                found=f"a difference in {', '.join(sorted(left))}",
            )

    def _take_back(self, found: Optional[State], before: Tuple[Action, ...]) -> None:
        """A fix that failed without changing anything owes nothing."""
        self.system.forget(self.resource.disturbs)
        try:
            if self.resource.found(self.system) == found:
                self.journal.settle(tuple(a for a in self.step.notify if a not in before))
        except StepFailed:
            pass  # cannot tell: keep the debt

    def _answer(self, fixed: FrozenSet[str]) -> Tuple[str, ...]:
        due = [a.verb for a in self.journal.owed() if a.target == self.step.id]
        if not due:
            return ()
        # A verb that this type does not have is of an older version's plan: nobody can answer it.
        strongest = next((verb for verb in self.resource.verbs if verb in due), "")
        covered = not strongest or strongest in self.resource.answered_by(fixed)
        if not covered and not self.check:
            self.resource.perform(self.system, strongest)
            self.system.forget(self.resource.disturbs)
        self.journal.settle(tuple(Action(self.step.id, verb) for verb in due))
        return () if covered else (strongest,)


def holds(guard: Guard, system: System) -> bool:
    """Whether a guard lets its step run.  Raises ``StepFailed("guard-failed")``."""
    if guard.test == "exists":
        return system.stat(guard.value) is not None
    if guard.test == "missing":
        return system.stat(guard.value) is None
    if guard.test == "fact":
        name, wanted = guard.value
        return bool(getattr(system.facts, name, system.facts.extra.get(name)) == wanted)
    if guard.test in ("succeeds", "fails"):
        ended = system.run(guard.value, check=False).code == 0
        return ended == (guard.test == "succeeds")
    raise StepFailed("guard-failed", f"there is no guard {guard.test!r}")


def _failed(step: Step, error: StepFailed) -> Outcome:
    trouble = {
        "code": error.code,
        "message": error.message,
        "expected": error.expected,
        "found": error.found,
        "hint": error.hint,
        "log": list(error.log),
    }
    return Outcome(step.id, Status.FAILED, trouble={k: v for k, v in trouble.items() if v})
