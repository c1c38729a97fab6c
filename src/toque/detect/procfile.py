"""A Procfile: one process a line, ``name: command``."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from . import trouble

FILE = "Procfile"
_LINE = re.compile(r"([A-Za-z0-9_-]+)\s*:\s*(\S.*)")


@dataclass(frozen=True)
class Line:
    name: str
    command: str
    path: str
    number: int


def parse(text: str, path: str = FILE) -> tuple[Line, ...]:
    """Its lines in order.  Raises ``AskedWrongly("procfile-unreadable")``: half of it is worse."""
    found: dict[str, Line] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None or "\0" in line:
            raise trouble.bad_procfile(path, number, repr(line[:80]))
        name, command = match.groups()
        try:
            shlex.split(command)
        except ValueError as error:
            raise trouble.bad_procfile(path, number, f"{command[:80]!r}: {error}") from None
        if name in found:
            raise trouble.bad_procfile(
                path, number, f"a second line for {name}, after line {found[name].number}"
            )
        found[name] = Line(name, command, path, number)
    return tuple(found.values())
