"""File systems that are mounted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .ask import Ask, NotSeen
from .file import file

OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """``options`` are those of the mount and of the file system behind it."""

    path: str
    source: str
    type: str
    options: frozenset[str]


def mount(ask: Ask, path: str) -> Mount | None:
    table = file(ask, "/proc/self/mountinfo")
    if table is None:
        raise NotSeen("mount: no /proc is mounted here, so mounts cannot be seen from inside")
    found = [one for one in map(_mount, table.text.splitlines()) if one.path == path]
    return found[-1] if found else None  # what was mounted last hides what was there


def _mount(line: str) -> Mount:
    """A line of /proc/PID/mountinfo: proc(5)."""
    own, _, behind = line.partition(" - ")
    words, more = own.split(" "), behind.split(" ")
    options = frozenset([*words[5].split(","), *more[2].split(",")])
    return Mount(_plain(words[4]), _plain(more[1]), more[0], options)


def _plain(text: str) -> str:
    return OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
