"""One attempt at one step that runs: look and compare, or compare, put right and answer."""

from typing import TYPE_CHECKING, FrozenSet, Optional, Sequence, Set, Tuple

from .errors import StepFailed
from .journal import Journal
from .model import Action, Outcome, Status, Step
from .resource import Resource, State, differing
from .seal import Seal
from .system import System

if TYPE_CHECKING:
    from .added import Additions

HIDDEN = "(differs; not shown because it holds a secret)"


class Attempt:
    """A step on its way through the walk; ``perhaps`` are actions that are owed only maybe,
    ``additions`` puts on record what it adds to the machine."""

    def __init__(
        self,
        step: Step,
        resource: Resource,
        system: System,
        journal: Journal,
        perhaps: Set[Action],
        *,
        additions: "Optional[Additions]" = None,
    ) -> None:
        self.step = step
        self.resource = resource
        self.system = system
        self.journal = journal
        self.perhaps = perhaps
        self.additions = additions

    def look(self, seal: Optional[Seal]) -> Outcome:
        """What ``make`` would do; changes nothing."""
        wanted = self.resource.wanted()
        found = self.resource.found(self.system)
        keys = differing(wanted, found)
        if keys:
            self.journal.owe(self.step.notify)
        due, verb = self._due(found, keys)
        sure = any(Action(self.step.id, one) not in self.perhaps for one in due)
        self._settle(due)
        return Outcome(
            self.step.id,
            Status.WOULD_CHANGE if keys else Status.OK,
            diff=self._shown(found, keys),
            actions=(verb if sure else f"{verb}?",) if verb else (),
            keys=tuple(sorted(keys)),
            seen=None if seal is None else seal(wanted, found),
        )

    def make(self, agreed: Optional[Outcome]) -> Outcome:
        """Put right what differs and answer what is owed, within what was ``agreed``."""
        wanted = self.resource.wanted()
        found = self.resource.found(self.system)
        keys = differing(wanted, found)
        within(agreed, keys)
        diff = self._shown(found, keys)
        if keys:
            self._fix(wanted, found, keys)
        due, verb = self._due(found, keys)
        if verb:
            within(agreed, frozenset(), verb)
            self.resource.perform(self.system, verb)
            self.system.forget(self.resource.disturbs)
        self._settle(due)
        return Outcome(
            self.step.id,
            Status.CHANGED if keys else Status.OK,
            diff=diff,
            actions=(verb,) if verb else (),
            keys=tuple(sorted(keys)),
        )

    def _shown(self, found: Optional[State], keys: FrozenSet[str]) -> Tuple[str, ...]:
        if not keys:
            return ()
        if self.step.sensitive or self.resource.sensitive():
            return (HIDDEN,)
        return tuple(self.resource.show(found, keys))

    def _fix(self, wanted: Optional[State], found: Optional[State], keys: FrozenSet[str]) -> None:
        before = self.journal.owed()
        self.journal.owe(self.step.notify)
        if self.additions is not None:
            self.additions.before(self.resource, keys)
        try:
            self.resource.fix(self.system, keys)
        except StepFailed:
            self._take_back(found, before)
            raise
        finally:
            self.system.forget(self.resource.disturbs)
            if self.additions is not None:
                self.additions.after(self.resource)
        if not self.resource.reads_back():
            return
        left = differing(wanted, self.resource.found(self.system))
        if left:
            raise StepFailed(
                "not-fixed",
                f"{self.step.id} is still not as wanted after it was put right",
                expected="no difference",
                found=f"a difference in {', '.join(sorted(left))}",
                hint="toque plan NODE shows the difference; another program may change it back",
            )

    def _take_back(self, found: Optional[State], before: Tuple[Action, ...]) -> None:
        """A fix that failed without changing anything owes nothing."""
        self.system.forget(self.resource.disturbs)
        try:
            if self.resource.found(self.system) == found:
                self.journal.settle(tuple(a for a in self.step.notify if a not in before))
        except StepFailed:
            pass  # cannot tell: keep the debt

    def _due(self, found: Optional[State], fixed: FrozenSet[str]) -> Tuple[Sequence[str], str]:
        """The verbs owed to this step, and the one to perform; empty when the fix was enough."""
        due = [a.verb for a in self.journal.owed() if a.target == self.step.id]
        # A verb that this type does not have is of an older version's plan: nobody can answer it.
        strongest = next((verb for verb in self.resource.verbs if verb in due), "")
        covered = strongest in self.resource.answered_by(found, fixed)
        return due, "" if covered else strongest

    def _settle(self, due: Sequence[str]) -> None:
        if due:
            self.journal.settle(tuple(Action(self.step.id, verb) for verb in due))


def within(agreed: Optional[Outcome], keys: FrozenSet[str], verb: str = "") -> None:
    """Raise ``StepFailed("plan-exceeded")`` when this is more than a saved plan has shown."""
    if agreed is None or agreed.status is Status.UNKNOWN:
        return
    more = sorted(keys - set(agreed.keys))
    if verb and not {verb, f"{verb}?"} & set(agreed.actions):
        more = [verb]
    if more:
        shown = [*agreed.keys, *agreed.actions]
        raise StepFailed(
            "plan-exceeded",
            "this step would do more than the saved plan has shown",
            expected=f"no more than {', '.join(shown)}" if shown else "nothing to do here",
            found=", ".join(more),
            hint="what came before is done; look at a new plan for the rest",
        )
