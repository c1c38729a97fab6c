"""Requirements files: which packages they name, and whether each is pinned and hashed."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from .tree import Tree, text

_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(.*)", re.S)
_PIN = re.compile(r"===?\s*([A-Za-z0-9.!+_-]+)")
_INCLUDE = re.compile(r"(?:-r|--requirement)[ =]?\s*(\S+)")
DEEPEST = 5  # files that name each other


@dataclass(frozen=True)
class Requirement:
    """``version`` is empty when the line allows more than one."""

    name: str
    version: str
    hashed: bool
    path: str
    line: int


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(tree: Tree, path: str) -> list[Requirement]:
    """The requirements of a file and of those that it includes."""
    return [
        one
        for where, source in texts(tree, path).items()
        for number, line in logical_lines(source)
        if (one := requirement(line, where, number))
    ]


def texts(tree: Tree, path: str, depth: int = 0) -> dict[str, str]:
    """A requirements file and those that it includes, by their paths."""
    source = text(tree, path)
    if source is None or depth > DEEPEST:
        return {}
    found = {path: source}
    for _, line in logical_lines(source):
        if include := _INCLUDE.match(line):
            inner = posixpath.normpath(posixpath.join(posixpath.dirname(path), include.group(1)))
            if inner not in found:
                found.update(texts(tree, inner, depth + 1))
    return found


def requirement(line: str, path: str = "", number: int = 0) -> Requirement | None:
    """What one logical line asks for; None for options and what has no name."""
    hashed = "--hash" in line
    words = re.split(r"\s--hash|\s;|;", line, maxsplit=1)[0].strip()
    if not words or words.startswith(("-", ".", "/")) or "://" in words.split("@")[0]:
        return None
    match = _NAME.fullmatch(words)
    if match is None:
        return None
    pin = _PIN.fullmatch(match.group(2).strip())
    version = pin.group(1) if pin else ""
    return Requirement(normal(match.group(1)), version, hashed, path, number)


def logical_lines(source: str) -> list[tuple[int, str]]:
    """Lines without comments, those that end in a backslash joined, by their first number."""
    found: list[tuple[int, str]] = []
    held, start = "", 0
    for number, line in enumerate(source.splitlines(), start=1):
        line = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        start = start or number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        joined = (held + line).strip()
        if joined:
            found.append((start, joined))
        held, start = "", 0
    if held.strip():
        found.append((start, held.strip()))
    return found
