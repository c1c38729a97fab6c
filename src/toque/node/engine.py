"""The walk: guard, compare, fix, compare again, answer notifications.

Rules of this file:
* Check mode is the same path without ``fix`` and ``perform``.
* What a change will owe is journalled before the change is made, so a kill between the two never
  loses a restart; when the change turns out not to have happened the debt is taken back.
* A failed step ends the walk; the rest is "not run" and debts stay in the journal.
* Verbs are listed strongest first in a type; performing one settles the weaker ones too.
* With a plan that somebody has agreed to, a step may do less than was shown, never more.
"""

import contextlib
import itertools
from typing import TYPE_CHECKING, Callable, List, Mapping, Optional, Sequence, Set, Tuple, Type

from .attempt import Attempt
from .errors import NotReady, StepFailed
from .guards import holds, moot
from .journal import Journal
from .model import Action, Outcome, Plan, Status, Step
from .record import dataclass, field
from .resource import Resource
from .seal import Seal
from .system import System
from .wire import decode_value

if TYPE_CHECKING:
    from .added import Additions

Emit = Callable[[Outcome], None]


def walk(
    plan: Plan,
    system: System,
    types: Mapping[str, Type[Resource]],
    *,
    journal: Journal,
    secrets: Mapping[str, str],
    check: bool = False,
    seal: Optional[Seal] = None,
    agreed: Optional[Mapping[str, Outcome]] = None,
    additions: "Optional[Additions]" = None,
    begin: Callable[[Step], None] = lambda step: None,
    emit: Emit = lambda outcome: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Tuple[Outcome, ...]:
    """Run a plan's steps in order and say what happened to each.

    With ``seal`` each outcome says what was found; ``agreed`` are the outcomes of a check, by
    step, which this walk may not exceed.  ``additions`` keeps what is added to the machine.
    ``begin`` is called before each step, ``emit`` after; ``stopping`` is asked between steps.
    """
    run = _Walk(system, types, journal, secrets, check, seal, agreed, additions)
    outcomes: List[Outcome] = []
    ended = False
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
            outcome = run.outcome(step)
            ended = outcome.status is Status.FAILED
        outcomes.append(outcome)
        emit(outcome)
    return tuple(outcomes)


@dataclass(frozen=True)
class _Walk:
    """What every step of one walk is run with.

    In check mode ``undone`` are the earlier steps that were not made although they have to be or
    may have to be, and ``perhaps`` actions that are owed only if an unknown one changes something.
    """

    system: System
    types: Mapping[str, Type[Resource]]
    journal: Journal
    secrets: Mapping[str, str]
    check: bool
    seal: Optional[Seal]
    agreed: Optional[Mapping[str, Outcome]]
    additions: "Optional[Additions]"
    undone: List[Step] = field(default_factory=list)
    perhaps: Set[Action] = field(default_factory=set)

    def foresee(self, steps: Sequence[Step]) -> None:
        """Look at the first step and its neighbours of the same kind at once, if that is cheaper.

        What goes wrong here goes wrong again in the step itself, which then says so.
        """
        with contextlib.suppress(Exception):
            kind = self.types[steps[0].kind]
            if kind.together:
                same = itertools.takewhile(lambda step: step.kind == steps[0].kind, steps)
                kind.prefetch(self.system, [self._resource(step) for step in same])

    def _resource(self, step: Step) -> Resource:
        return self.types[step.kind](**decode_value(dict(step.fields), self.secrets))

    def outcome(self, step: Step) -> Outcome:
        """Run one step; its failure is part of the outcome, never raised."""
        started = self.system.monotonic()
        outcome = self._tried(step)
        for attempt in range(step.retries):
            if outcome.status is not Status.FAILED or self.check:
                break
            self.system.progress(f"failed, attempt {attempt + 2} of {step.retries + 1} follows")
            self.system.sleep(step.retry_wait_s)
            self.system.forget()  # whatever was seen before may be the reason
            self.system.taken_findings()  # of an attempt that did not count
            outcome = self._tried(step)
            if outcome.status is not Status.FAILED:
                self.system.note(f"attempt {attempt + 2} of {step.retries + 1} succeeded")
        if outcome.status in (Status.WOULD_CHANGE, Status.UNKNOWN):
            self.undone.append(step)
        findings = self.system.taken_findings()
        known = {
            "seconds": self.system.monotonic() - started,
            "place": step.place,
            "notes": self.system.taken_notes(),
            "findings": () if step.sensitive else findings,
        }
        return Outcome(**{**vars(outcome), **known})  # replace() takes as long as a look at a file

    def _tried(self, step: Step) -> Outcome:
        try:
            if any(moot(guard, self.undone) for guard in step.when):
                return self._unknown(step)
            if not all(holds(guard, self.system, self.secrets) for guard in step.when):
                return Outcome(step.id, Status.SKIPPED)
            attempt = Attempt(
                step,
                self._resource(step),
                self.system,
                self.journal,
                self.perhaps,
                additions=self.additions,
            )
            if self.check:
                return attempt.look(self.seal)
            return attempt.make(None if self.agreed is None else self.agreed.get(step.id))
        except NotReady as error:
            if self.undone:
                return self._unknown(step)
            return _failed(step, error)
        except StepFailed as error:
            return _failed(step, error)
        except OSError as error:  # a disk that fails, or a path that changes while it is read
            told = StepFailed(
                "path-failed",
                f"cannot look at {error.filename or step.id}: {error.strerror or error}",
                hint="run it again; when it stays, see: dmesg | tail",
            )
            return _failed(step, told)
        except Exception as error:  # noqa: BLE001 - our bug: end the run in order, with its words
            import traceback

            bug = StepFailed(
                "node-bug",
                f"{type(error).__name__}: {error}",
                hint="please report this with the lines below",
                log=traceback.format_exc().splitlines()[-12:],
            )
            return _failed(step, bug)

    def _unknown(self, step: Step) -> Outcome:
        """Check mode: an earlier step may make this one possible, and what it owes then is owed."""
        self.perhaps.update(a for a in step.notify if a not in self.journal.owed())
        self.journal.owe(step.notify)
        due = sorted({a.verb for a in self.journal.owed() if a.target == step.id})
        self.journal.settle(tuple(Action(step.id, verb) for verb in due))
        return Outcome(step.id, Status.UNKNOWN, actions=tuple(f"{verb}?" for verb in due))


def _failed(step: Step, error: StepFailed) -> Outcome:
    """Of a sensitive step only the code and our own words are told, no program's."""
    told = not step.sensitive
    trouble = {
        "code": error.code,
        "message": error.message if told else f"{step.id} failed; it is sensitive, so no more here",
        "expected": error.expected if told else "",
        "found": error.found if told else "",
        "hint": error.hint,
        "log": list(error.log) if told else [],
    }
    return Outcome(step.id, Status.FAILED, trouble={k: v for k, v in trouble.items() if v})
