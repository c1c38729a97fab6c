"""What can go wrong, sorted by who must act.

    ToqueError
    ├── AskedWrongly   exit 2   the command line or a settings file
    ├── BadCookbook    exit 3   the author of a cookbook
    ├── Unreachable    exit 4   whoever looks after the node or the network
    └── Failed         exit 5   a converge or a deploy did not end well

Anything else that escapes is our bug (exit 70).  Every code has a page
``docs/errors/<code>.md``; a test fails when one is missing.  This module imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Trouble:
    """What every error says, as plain data.

    ``code`` is stable and kebab-case; ``message`` one sentence without a full stop; ``expected``,
    ``found`` and ``hint`` (the one command that helps) may be empty; ``log`` holds the last lines
    of whatever failed, oldest first; ``place`` is ``file:line`` in the user's own text;
    ``findings`` is all that a run has found out until it failed, as data (``node/finding.py``).
    """

    code: str
    message: str
    expected: str = ""
    found: str = ""
    hint: str = ""
    place: str = ""
    log: tuple[str, ...] = field(default=())
    findings: tuple[Mapping[str, object], ...] = field(default=())

    def as_json(self) -> dict[str, object]:
        """The same as a JSON object, empty members left out."""
        pairs = {name: getattr(self, name) for name in self.__dataclass_fields__}
        pairs["log"] = list(self.log)
        pairs["findings"] = [dict(finding) for finding in self.findings]
        return {name: value for name, value in pairs.items() if value}


class ToqueError(Exception):
    """Base of everything we raise on purpose; ``exit_status`` is the process's."""

    exit_status: ClassVar[int] = 70

    def __init__(
        self,
        code: str,
        message: str,
        *,
        expected: str = "",
        found: str = "",
        hint: str = "",
        place: str = "",
        log: Sequence[str] = (),
        findings: Sequence[Mapping[str, object]] = (),
    ) -> None:
        super().__init__(message)
        self.trouble = Trouble(
            code, message, expected, found, hint, place, tuple(log), tuple(findings)
        )

    @property
    def code(self) -> str:
        return self.trouble.code


class AskedWrongly(ToqueError):
    exit_status = 2


class BadCookbook(ToqueError):
    exit_status = 3


class Unreachable(ToqueError):
    exit_status = 4


class Failed(ToqueError):
    exit_status = 5


def unwritable(what: str, folder: Path, error: OSError) -> AskedWrongly:
    """``file-unwritable``: ``what`` cannot be written into ``folder``."""
    return AskedWrongly(
        "file-unwritable",
        f"{what} cannot be written",
        expected=f"a folder {folder} that may be written to",
        found=str(error),
        hint=f"ls -ld {folder}",
    )


def nearest(word: str, known: Sequence[str] | Mapping[str, object]) -> str:
    """``did you mean 'x'?`` for the known word most like ``word``, or the empty string."""
    from difflib import get_close_matches  # only for who asked wrongly

    close = get_close_matches(word, list(known), n=1)
    return f"did you mean '{close[0]}'?" if close else ""
