"""A place among tokens, and the ways to move it."""

from __future__ import annotations

from collections.abc import Sequence

from .tokens import Token, Unreadable


class Cursor:
    """``no_do``: a do belongs to a word further out.  ``inside``: how many blocks are open;
    ``depth``: how many expressions."""

    def __init__(self, found: Sequence[Token]) -> None:
        self.tokens = found
        self.at = 0
        self.depth = 0
        self.no_do = False
        self.inside = 0  # how many blocks are open

    @property
    def now(self) -> Token:
        return self.tokens[min(self.at, len(self.tokens) - 1)]

    @property
    def before(self) -> Token:
        return self.tokens[max(self.at - 1, 0)]

    def take(self) -> Token:
        token = self.now
        self.at += 1
        return token

    def sees(self, *values: str) -> bool:
        return self.now.kind in ("op", "keyword") and self.now.value in values

    def need(self, value: str) -> Token:
        if not self.sees(value):
            raise self.wrong(f"expected {value!r}, found {self.now.value!r}")
        return self.take()

    def wrong(self, reason: str) -> Unreadable:
        return Unreadable(self.now.line, reason)

    def skip(self) -> None:
        while self.now.kind == "newline" or self.sees(";"):
            self.take()

    def skip_newlines(self) -> None:
        while self.now.kind == "newline":
            self.take()
