"""How checks went, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
EMPTY = "empty"  # it passed, and has looked at nothing or asserted nothing
HUNG = "hung"  # it did not end in time, and was ended


@dataclass(frozen=True)
class Check:
    """``id`` is pytest's; ``message`` says why it did not pass, ``details`` are all the lines."""

    id: str
    outcome: str
    seconds: float
    message: str = ""
    details: str = ""

    def as_json(self) -> dict[str, object]:
        """All but the lines."""
        value = asdict(self)
        del value["details"]
        return value


@dataclass(frozen=True)
class Result:
    """How the checks of a machine went; ``output`` is what pytest printed.

    ``broken`` says that pytest itself could not run the files, ``hung`` that it was ended, and
    why.
    """

    each: tuple[Check, ...]
    output: str
    broken: bool = False
    hung: str = ""

    def count(self, *outcomes: str) -> int:
        return sum(check.outcome in outcomes for check in self.each)

    @property
    def checks(self) -> int:
        """How many have shown something."""
        return self.count(PASSED, FAILED, HUNG)

    @property
    def failed(self) -> int:
        return self.count(FAILED, HUNG)

    @property
    def skipped(self) -> int:
        return self.count(SKIPPED)

    @property
    def empty(self) -> int:
        return self.count(EMPTY)

    @property
    def ok(self) -> bool:
        """A suite that checks nothing has shown nothing."""
        return self.checks > 0 and self.failed == 0 and not self.broken and not self.hung

    @property
    def worth_a_retry(self) -> bool:
        """Whether it may be better when the machine has had more time."""
        return not self.ok and not self.broken and not self.hung

    @property
    def summary(self) -> str:
        if self.broken:
            return "the checks could not be run"
        text = f"{self.checks} check{'s' * (self.checks != 1)}, {self.failed} failed"
        text += f", {self.skipped} skipped" if self.skipped else ""
        text += f", {self.empty} without an assertion" if self.empty else ""
        return text + (f"; {self.hung}" if self.hung else "")

    def as_json(self) -> dict[str, object]:
        return {
            "ok": self.ok,
            "checks": self.checks,
            "failed": self.failed,
            "skipped": self.skipped,
            "empty": self.empty,
            "results": [check.as_json() for check in self.each],
        }


def reasons(each: Sequence[Check]) -> list[str]:
    """The checks that did not pass, a line each."""
    wrong = [check for check in each if check.outcome in (FAILED, HUNG, EMPTY)]
    return [f"{c.id}: {c.message.splitlines()[0] if c.message else c.outcome}" for c in wrong]
