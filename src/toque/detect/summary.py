"""What was found, as lines for people: a word, a value and the reason."""

from __future__ import annotations

from collections.abc import Iterator

from .found import Detected
from .variables import is_generated

Line = tuple[str, str, str]


def lines(found: Detected) -> Iterator[Line]:
    """(word, value, reason) of everything that was found, in the order of a deploy."""
    yield from _program(found)
    yield from _environment(found)
    yield from _files(found)
    for process in found.processes:
        not_started = "" if process.words else ", which needs a shell: not started"
        yield process.kind, f"{process.name}: {process.command}{not_started}", str(process.why)
    for note in found.notes:
        yield "note", note.words, f"{note.path}:{note.line}" if note.line else note.path


def _program(found: Detected) -> Iterator[Line]:
    entry = found.entry
    yield "app", f"{entry.framework}, {entry.target}", str(entry.why)
    if found.root != ".":
        yield "folder", found.root, f"{found.lock.why.path} is there"
    if entry.folder:
        yield "imports", f"begin in {entry.folder}", str(entry.why)
    if found.python:
        wanted = found.python.wanted or found.python.range
        yield "python", wanted, str(found.python.why)
    yield "lock", found.lock.path, str(found.lock.why)
    yield "server", found.server.name, str(found.server.why)
    for library in found.libraries:
        yield "package", library.value, str(library.why)


def _environment(found: Detected) -> Iterator[Line]:
    for variable in found.variables:
        if found.database and variable.name in found.database.variables:
            continue
        value = "generated" if is_generated(variable) else "has a default"
        if variable.needed and not is_generated(variable):
            value = "needed"
        yield "variable", f"{variable.name}, {value}", str(variable.why)
    if found.database:
        value = f"PostgreSQL in {found.database.variable} ({found.database.scheme}://)"
        if found.database.parts:
            value = f"PostgreSQL in {', '.join(sorted(found.database.parts.values()))}"
        yield "database", value, str(found.database.why)


def _files(found: Detected) -> Iterator[Line]:
    if found.build:
        yield "build", found.build.command, str(found.build.why)
    if found.migrate:
        yield "migrate", found.migrate.value, str(found.migrate.why)
    for static in found.static:
        yield "static", f"{static.url} from {static.folder}", str(static.why)
    for shared in found.shared:
        yield "kept", shared.value, str(shared.why)
