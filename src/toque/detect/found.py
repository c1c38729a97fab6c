"""What was found, and why: plain values, each with its ``Reason``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Interface = Literal["wsgi", "asgi"]
# "declared" is none: the project says what it needs, and versions are chosen for it.
LockKind = Literal["requirements", "uv", "poetry", "pipenv", "pylock", "declared"]


def counted(number: int, what: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class Reason:
    """Where something stands in the project, and what it says there."""

    words: str
    path: str = ""
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.words}" if place else self.words


@dataclass(frozen=True)
class Chosen:
    """A value and its reason."""

    value: str
    why: Reason


@dataclass(frozen=True)
class Entry:
    """``target`` is ``module:name``, with ``()`` behind a factory that takes no arguments.

    ``folder`` is where its import begins, relative to the app's root; empty for the root itself.
    """

    target: str
    interface: Interface
    framework: str
    why: Reason
    folder: str = ""


@dataclass(frozen=True)
class Python:
    """``wanted`` is an exact version that the project names, ``range`` what it allows."""

    wanted: str
    range: str
    why: Reason


@dataclass(frozen=True)
class Lock:
    """``packages`` maps normalized names to versions (empty when not pinned)."""

    path: str
    kind: LockKind
    packages: Mapping[str, str]
    pinned: bool
    hashed: bool
    why: Reason


@dataclass(frozen=True)
class Server:
    """``held`` says whether the lock has it; else it is installed beside, pinned."""

    name: str
    held: bool
    why: Reason


@dataclass(frozen=True)
class Variable:
    """``needed`` when the code stops without it; ``default`` is a literal one, for its scheme."""

    name: str
    needed: bool
    secret: bool
    why: Reason
    default: str = ""


@dataclass(frozen=True)
class Database:
    """``parts`` maps pieces (``name``, ``user``, ``password``, ``host``, ``port``) to variables;
    ``variable`` is then one that nobody reads."""

    variable: str
    scheme: str
    why: Reason
    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> frozenset[str]:
        return frozenset({self.variable, *self.parts.values()})


@dataclass(frozen=True)
class Static:
    """Files that nginx can serve: ``url`` such as ``/static/``, ``folder`` below the root."""

    url: str
    folder: str
    why: Reason


@dataclass(frozen=True)
class Build:
    """A command that completes a release, and the folder below the root that it writes."""

    command: str
    folder: str
    why: Reason


@dataclass(frozen=True)
class Process:
    """``kind``: a ``worker`` runs all the time, of a ``schedule`` there may be only one."""

    name: str
    kind: Literal["worker", "schedule"]
    command: str
    why: Reason

    @property
    def package(self) -> str:
        """The distribution that has the program, as its first word tells."""
        first = self.command.split()[0]
        return {"huey_consumer": "huey"}.get(first, first)

    @property
    def words(self) -> tuple[str, ...]:
        """The program and its arguments; none of a command that only a shell understands."""
        if any(sign in self.command for sign in "&|;<>$`\n") or self.command.startswith("cd "):
            return ()
        words = tuple(shlex.split(self.command))
        return () if "=" in words[0] else words


@dataclass(frozen=True)
class Detected:
    """``root`` is the folder of the app in the tree; all other paths are relative to it, those in
    reasons to the tree.

    ``shared`` are what the app writes and what has to outlive a release: files, and folders, which
    end with a slash.
    ``imports`` are folders where imports begin, beside the app's own.
    ``notes`` are what a person should know: nothing that keeps the app from going online.
    """

    entry: Entry
    lock: Lock
    server: Server
    root: str = "."
    python: Python | None = None
    variables: tuple[Variable, ...] = ()
    database: Database | None = None
    migrate: Chosen | None = None
    build: Build | None = None
    static: tuple[Static, ...] = ()
    shared: tuple[Chosen, ...] = ()
    processes: tuple[Process, ...] = ()
    libraries: tuple[Chosen, ...] = ()
    imports: tuple[str, ...] = ()
    notes: tuple[Reason, ...] = ()
