"""What somebody found out about an app or a machine, with the evidence and what helps.

A rehearsal, a watch, a doctor tell findings; ``tell`` puts them on the outcome of the step that
runs, and ends the step when one of them refuses.  They travel as data and are shown by the command
line as they come; in JSON they stand beside the outcome and in the error.
"""

from typing import List, Optional, Sequence, Tuple

from .errors import StepFailed
from .record import dataclass

REFUSE = "refuse"
WARN = "warn"


@dataclass(frozen=True)
class Finding:
    """``code`` is a literal with a page ``docs/errors/<code>.md``; ``level`` ``refuse`` or
    ``warn``; ``message`` one sentence without a full stop.

    ``evidence`` are lines that show it, oldest first: of a log, of a file, of what was measured.
    ``place`` is ``file:line`` in the user's own text, ``help`` the one command or edit that helps.
    What is only likely is not ``certain``, and is shown so.
    """

    code: str
    level: str
    message: str
    evidence: Tuple[str, ...] = ()
    place: str = ""
    help: str = ""
    certain: bool = True

    @property
    def refuses(self) -> bool:
        return self.level == REFUSE

    @property
    def sentence(self) -> str:
        """Code and message, and whether we are sure."""
        return f"[{self.code}] {'' if self.certain else 'perhaps: '}{self.message}"


def refusal(finding: Finding) -> StepFailed:
    """The error that a refusal ends its step with."""
    return StepFailed(  # relays a code
        finding.code,
        finding.message if finding.certain else f"perhaps: {finding.message}",
        found=f"at {finding.place}" if finding.place else "",
        hint=finding.help,
        log=finding.evidence,
    )


def first_refusal(findings: Sequence[Finding]) -> Optional[Finding]:
    """The one to end with: what is certain before what is not, else the first."""
    refusing = [finding for finding in findings if finding.refuses]
    return next((f for f in refusing if f.certain), refusing[0] if refusing else None)


def words(finding: Finding) -> List[str]:
    """A finding as lines for a person, the first without indentation.  Nothing is escaped here."""
    lines = [f"{'refused' if finding.refuses else 'warning'} {finding.sentence}"]
    if finding.place:
        lines.append(f"  at        {finding.place}")
    lines += [f"  | {line}" for line in finding.evidence]
    if finding.help:
        lines.append(f"  try       {finding.help}")
    return lines
