"""Findings that somebody has accepted, in the source: ``# toque: allow CODE -- reason``.

It counts for its own line, or for what follows when it stands alone; a statement may span lines.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import nearest
from .rule import Rule, Seen
from .subject import Subject, Text

MARK = "toque: allow"
# In any language: what begins a comment, the mark, a code, and after two dashes the reason.
_COMMENT = re.compile(
    r"(?:#|//|;|--|\{#|/\*|<!--)[ \t]*toque: allow\b[ \t]*(?P<code>[\w-]*?)"
    r"[ \t]*(?:--[ \t]*(?P<reason>.*?))?[ \t]*(?:#\}|\*/|-->)?[ \t]*$"
)
PROSE = (".md", ".rst", ".txt")  # they speak of such comments


@dataclass(frozen=True)
class Allowance:
    """``line`` is where it is written; it counts for the lines ``first`` to ``last``."""

    path: str
    line: int
    code: str
    reason: str
    first: int
    last: int

    def covers(self, code: str, seen: Seen, lines: tuple[int, int]) -> bool:
        """Whether it is for ``seen``, in the statement of these ``lines``."""
        here = self.first <= lines[1] and lines[0] <= self.last
        return bool(self.reason) and code == self.code and self.path == seen.path and here


def allowances(text: Text) -> Iterator[Allowance]:
    """All of a text, those without a reason too."""
    if MARK not in text.text or text.path.endswith(PROSE):
        return
    lines = text.text.splitlines()
    for number in _commented(text, lines):
        found = _COMMENT.search(lines[number - 1])
        if found is None:
            continue
        alone = not lines[number - 1][: found.start()].strip()
        last = _next(lines, number) if alone else number
        yield Allowance(text.path, number, found["code"], found["reason"] or "", number, last)


def wrong(every: list[Allowance], codes: list[str]) -> Iterator[Seen]:
    """Those that have no reason, or a code that there is not."""
    for one in every:
        if one.code not in codes:
            near = nearest(one.code, codes)
            yield Seen(one.path, one.line, f"there is no code '{one.code}'", near or "toque check")
        elif not one.reason:
            mend = f"# {MARK} {one.code} -- why it is right here"
            yield Seen(one.path, one.line, f"{one.code} is allowed without a reason", mend)


def _commented(text: Text, lines: list[str]) -> Iterator[int]:
    """The numbers of lines with the mark in them; of Python those where it is in a comment."""
    if text.path.endswith(".py"):
        try:
            for token in tokenize.generate_tokens(io.StringIO(text.text).readline):
                if token.type == tokenize.COMMENT and MARK in token.string:
                    yield token.start[0]
        except (tokenize.TokenError, SyntaxError):
            return
    else:
        yield from (number for number, line in enumerate(lines, 1) if MARK in line)


def _next(lines: list[str], number: int) -> int:
    """The next line that is neither empty nor another such comment."""
    for at in range(number, len(lines)):
        if lines[at].strip() and MARK not in lines[at]:
            return at + 1
    return number


def _by_judge(subject: Subject) -> Iterator[Seen]:
    """Nothing: ``judge.py`` asks when all other rules are done."""
    return iter(())


WRONG = Rule(
    "allowance-wrong",
    "error",
    "An allowance has no reason, or an unknown code",
    "It allows nothing, and who reads it thinks that it does.",
    _by_judge,
)
UNUSED = Rule(
    "allowance-unused",
    "warning",
    "An allowance allows nothing",
    "What it was for is gone; it would hide the next one that comes to this line.",
    _by_judge,
)
