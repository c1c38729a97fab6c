"""What carrying a repository over gives: files to write, the list, and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .accounting import Account, Entry
from .adding import Counts


@dataclass(frozen=True)
class Carried:
    """``files`` by their paths; ``accounts`` of all that was read; ``entries`` by file and line."""

    cookbooks: tuple[str, ...]
    files: Mapping[str, bytes]
    accounts: tuple[Account, ...]
    entries: tuple[Entry, ...]
    counts: Counts

    @property
    def left(self) -> tuple[Entry, ...]:
        return tuple(one for one in self.entries if one.left)

    @property
    def notes(self) -> tuple[Entry, ...]:
        return tuple(one for one in self.entries if not one.left)

    @property
    def done(self) -> int:
        """How many resources were carried over; one that lacks a notification counts."""
        return self.counts.whole + self.counts.partly

    @property
    def share(self) -> float | None:
        """Of the resources, those carried over, 0 to 1; None when none was recognized."""
        return self.done / self.counts.all if self.counts.all else None

    @property
    def said(self) -> str:
        """How much was carried over, in words."""
        if self.share is None:
            return "no resource was recognized"
        return f"{self.done} of {self.counts.all} resources carried over ({self.share:.0%})"
