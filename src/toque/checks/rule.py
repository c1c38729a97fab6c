"""What a rule is, and what it sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from .subject import Subject

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Seen:
    """A place, ``line`` counted from 1, with ``what`` is wrong there and how to ``mend`` it.

    ``until`` is the last line of the statement there, 0 for the same line.
    """

    path: str
    line: int
    what: str
    mend: str
    until: int = 0


@dataclass(frozen=True)
class Rule:
    """``title`` says in a few words what is found, ``why`` what comes of it.

    ``code`` is stable and kebab-case, and has a page ``docs/checks/<code>.md``.
    """

    code: str
    severity: Severity
    title: str
    why: str
    look: Callable[[Subject], Iterator[Seen]]


@dataclass(frozen=True)
class Flaw:
    """What a rule has seen, as it is told."""

    rule: Rule
    seen: Seen

    def as_json(self) -> dict[str, object]:
        return {
            "code": self.rule.code,
            "severity": self.rule.severity,
            "file": self.seen.path,
            "line": self.seen.line,
            "what": self.seen.what,
            "why": self.rule.why,
            "mend": self.seen.mend,
            "page": f"docs/checks/{self.rule.code}.md",
        }
