"""A guide as a reader follows it: its commands typed, its lines put where it says.

A block is a ``console`` one, whose other lines have to be in the output of the command above them,
or a ``py`` one, whose place the sentence before it names: "at the end of `FILE`", or "in `FILE`,
... below `LINE`".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?P<before>[^\n]*)\n\n```(?P<language>console|py)\n(?P<text>.*?)^```$", re.M | re.S
)
_END = re.compile(r"[Aa]t the end of `([^`]+)`:$")
_BELOW = re.compile(r"[Ii]n `([^`]+)`, .*below `([^`]+)`:$")
READ_A_MINUTE = 200  # words; a slow reader of a technical text
TYPED_A_MINUTE = 120  # characters; somebody who looks at the keys


@dataclass(frozen=True)
class Command:
    words: str
    output: tuple[str, ...]

    @property
    def fails(self) -> bool:
        """Whether the guide itself says that this does not go well."""
        return any(re.search(r"\b[1-9]\d* failed", line) for line in self.output)


@dataclass(frozen=True)
class Edit:
    """``below`` is the line to put it under; at the end of the file when there is none."""

    file: str
    text: str
    below: str = ""

    def make(self, folder: Path) -> None:
        path = folder / self.file
        text = path.read_text()
        if not self.below:
            path.write_text(f"{text}\n\n{self.text}")
            return
        lines = text.splitlines(keepends=True)
        (at,) = [number for number, line in enumerate(lines) if self.below in line]
        path.write_text("".join([*lines[: at + 1], self.text, *lines[at + 1 :]]))


def steps(page: Path) -> Iterator[Command | Edit]:
    """What a reader does, in the order of the page."""
    for block in _BLOCK.finditer(page.read_text()):
        if block["language"] == "console":
            for part in re.split(r"^\$ ", block["text"], flags=re.M)[1:]:
                words, *output = part.splitlines()
                yield Command(words, tuple(output))
        elif end := _END.search(block["before"]):
            yield Edit(end[1], block["text"])
        elif below := _BELOW.search(block["before"]):
            yield Edit(below[1], block["text"], below[2])
        else:
            raise AssertionError(f"where does this go? {block['before']!r}")


def minutes(page: Path) -> float:
    """What reading all of it and typing what is to be typed takes."""
    typed = sum(
        len(one.words if isinstance(one, Command) else one.text.strip()) for one in steps(page)
    )
    return len(page.read_text().split()) / READ_A_MINUTE + typed / TYPED_A_MINUTE
