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
    def share(self) -> float:
        """Of the resources, those carried over, 0 to 1; one that lacks a notification counts."""
        done = self.counts.whole + self.counts.partly
        return done / self.counts.all if self.counts.all else 1.0
