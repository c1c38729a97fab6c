"""The four verdicts, and one reason for one of them."""

from ..record import dataclass

SAFE = "safe"  # the release that serves works before, during and after it
TWO_STEPS = "needs two steps"  # something has to be deployed before it
FINAL = "cannot be undone"  # rows are lost for good
UNKNOWN = "unknown"  # nobody but its author can tell

# A migration is as bad as the worst thing in it.
WORST_FIRST = (TWO_STEPS, FINAL, UNKNOWN, SAFE)
REFUSED = (TWO_STEPS, FINAL)


@dataclass(frozen=True)
class Reason:
    """``what`` is done at ``line`` of the migration, ``why`` that has this verdict, and what to do
    ``instead``; both are empty for what is safe."""

    verdict: str
    what: str
    why: str = ""
    instead: str = ""
    line: int = 0
