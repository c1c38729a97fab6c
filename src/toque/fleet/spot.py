"""Where a value stands in a settings file, for messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field

from ..node.record import dataclass

_HEADER = re.compile(r"\s*\[\[?([^\[\]]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")

Path = tuple[str, ...]


@dataclass(frozen=True)
class Spot:
    """A key in a file: ``Spot("toque.toml", ("apps", "thena"), lines)``.

    ``lines`` maps key paths to line numbers counted from 1, ``()`` to the line of the whole; a path
    without a line is shown as its table, ``toque.toml [apps.thena]``.
    """

    file: str
    path: Path = ()
    lines: Mapping[Path, int] = field(default_factory=dict, repr=False, compare=False)

    def __truediv__(self, key: str) -> Spot:
        return Spot(self.file, (*self.path, key), self.lines)

    @property
    def name(self) -> str:
        """The dotted key, as it is written in the file."""
        return ".".join(self.path)

    def __str__(self) -> str:
        for length in range(len(self.path), -1, -1):
            line = self.lines.get(self.path[:length])
            if line is not None:
                return f"{self.file}:{line}"
        return f"{self.file} [{self.name}]" if self.path else self.file


def lines_of(text: str) -> Mapping[Path, int]:
    """The line of each table header and key of a TOML text.

    Good enough for messages: it looks at lines only and skips multi-line strings and arrays; the
    values themselves are always read by ``tomllib``.
    """
    found: dict[Path, int] = {}
    table: Path = ()
    closing = ""  # what ends the value that spans lines, or nothing
    for number, line in enumerate(text.splitlines(), start=1):
        if closing:
            if closing in line:
                closing = ""
            continue
        if header := _HEADER.match(line):
            table = _parts(header.group(1))
            for length in range(1, len(table) + 1):
                found.setdefault(table[:length], number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *_parts(key.group(1))), number)
            closing = _left_open(line[key.end() :])
    return found


def _parts(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _left_open(value: str) -> str:
    value = value.strip()
    for quotes in ('"""', "'''"):
        if value.startswith(quotes) and quotes not in value[3:]:
            return quotes
    return "]" if value.startswith("[") and "]" not in value else ""
