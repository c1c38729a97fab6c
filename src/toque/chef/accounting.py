"""What became of each line of what was read: nothing is lost between the lines.

A line is carried over, or listed, or says nothing (blank, a comment).  A line of which nobody has
said what became of it is listed, so that a gap in the translation is never a gap in the list.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CARRIED, LISTED, SILENT = "carried", "listed", "silent"


@dataclass(frozen=True, order=True)
class Entry:
    """Lines of a file (from 1, both included), why they are listed, and their own words.

    ``left`` says that they were not carried over; else they were, and there is something to know.
    """

    file: str
    first: int
    last: int
    reason: str
    text: str
    left: bool = True

    @property
    def place(self) -> str:
        lines = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.file}:{lines}" if self.first else self.file


@dataclass
class Account:
    """One file.  ``silent`` are numbers of lines that say nothing."""

    file: str
    lines: tuple[str, ...]
    silent: frozenset[int]
    entries: list[Entry] = field(default_factory=list)
    _carried: set[int] = field(default_factory=set)
    _left: set[int] = field(default_factory=set)

    def carried(self, first: int, last: int) -> None:
        self._carried.update(range(first, last + 1))

    def left(self, first: int, last: int, reason: str) -> Entry:
        self._left.update(range(first, last + 1))
        return self._entry(first, last, reason, left=True)

    def noted(self, first: int, last: int, reason: str) -> None:
        """Carried over, with something to know."""
        self._entry(first, last, reason, left=False)

    def _entry(self, first: int, last: int, reason: str, *, left: bool) -> Entry:
        text = "\n".join(self.lines[max(first - 1, 0) : last])
        entry = Entry(self.file, first, last, reason, text, left)
        if entry not in self.entries:
            self.entries.append(entry)
        return entry

    def close(self) -> tuple[Entry, ...]:
        """All entries by line, with one for each run of lines that nobody has spoken of."""
        run: list[int] = []
        for number in range(1, len(self.lines) + 2):
            forgotten = number <= len(self.lines) and not (
                number in self._carried or number in self._left or number in self.silent
            )
            if forgotten:
                run.append(number)
            elif run:
                self.left(run[0], run[-1], "not understood")
                run = []
        return tuple(sorted(self.entries))

    def state(self, number: int) -> str:
        """What became of a line: listed counts more than carried."""
        if number in self._left:
            return LISTED
        if number in self._carried:
            return CARRIED
        return SILENT if number in self.silent else LISTED


def of_ruby(file: str, text: str) -> Account:
    """The account of a file of Ruby: lines that are blank or a comment say nothing."""
    lines = split(text)
    silent, block = set(), False
    for number, line in enumerate(lines, 1):
        block = block or line.startswith("=begin")
        if block or not line.strip() or line.lstrip().startswith("#"):
            silent.add(number)
        block = block and not line.startswith("=end")
    return Account(file, lines, frozenset(silent))


def of_text(file: str, text: str) -> Account:
    """The account of a file in which every line counts that is not blank."""
    lines = split(text)
    return Account(file, lines, frozenset(n for n, x in enumerate(lines, 1) if not x.strip()))


def split(text: str) -> tuple[str, ...]:
    """The lines as Ruby counts them: by line feeds alone."""
    return tuple(text.removesuffix("\n").split("\n")) if text else ()
