"""A guide as a reader follows it: its commands typed, its lines put where it says.

A block is a ``console`` one, whose other lines have to be in the output of the command above them
(``...`` stands for any), or one for a file, which the sentence before it names: "write `FILE`", "at
the end of `FILE`", or "in `FILE`, ... below `LINE`".
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_BLOCK = re.compile(
    r"(?P<before>[^\n]*)\n\n```(?P<language>console|py|toml)\n(?P<text>.*?)^```$", re.M | re.S
)
_WHOLE = re.compile(r"[Ww]rite `([^`]+)`:$")
_END = re.compile(r"[Aa]t the end of `([^`]+)`:$")
_BELOW = re.compile(r"[Ii]n `([^`]+)`, .*below `([^`]+)`:$")
# What is another one each time, and seconds, which are told of what takes long.
_VARIABLE = (
    (re.compile(r"[0-9a-f]{12}-[0-9a-f]{6}"), "RELEASE"),
    (re.compile(r"(?<=venvs/)[0-9a-f]{16}"), "VENV"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "COMMIT"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"(?<=steps\.py:)\d+"), "LINE"),
    (re.compile(r"(?: \(\d+\.\ds\)|  \d+\.\ds)?\s*$", re.M), ""),
)
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

    def unsaid(self, output: str) -> list[str]:
        """The lines that the guide promises and ``output`` has not, in this order."""
        rest, missing = _same(output), []
        for line in self.output:
            _, found, after = rest.partition(_same(line)) if line != "..." else ("", "...", rest)
            rest = after if found else rest
            missing += [] if found else [line]
        return missing


def _same(text: str) -> str:
    """A text without what differs from one time to the next."""
    for pattern, word in _VARIABLE:
        text = pattern.sub(word, text)
    return text


@dataclass(frozen=True)
class Edit:
    """``below`` is the line to put it under; at the end of the file when there is none, and
    ``whole`` when it is all of the file."""

    file: str
    text: str
    below: str = ""
    whole: bool = False

    def make(self, folder: Path) -> None:
        path = folder / self.file
        if self.whole:
            path.write_text(self.text)
            return
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
        elif whole := _WHOLE.search(block["before"]):
            yield Edit(whole[1], block["text"], whole=True)
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


class Terminal:
    """One shell for a whole guide, so that ``cd`` and ``export`` last."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash", "--norc"], cwd=folder, env=dict(environ), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.done: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        self._shell.communicate()

    def type(self, command: Command) -> str:
        """Type it, and see that it ends and prints as the guide says; what it prints."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f'{command.words}\necho "--- $?"\n')
        self._shell.stdin.flush()
        said = []
        while not (line := self._shell.stdout.readline()).startswith("--- "):
            assert line, f"the shell has ended: {said}"
            said.append(line)
        output = "".join(said)
        assert (line != "--- 0\n") is command.fails, f"{command.words}: {line}{output}"
        assert command.unsaid(output) == [], f"{command.words} does not say this: {output}"
        self.done.append(command.words)
        return output
