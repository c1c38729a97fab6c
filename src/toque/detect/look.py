"""All of it together: a tree of files in, what the project is out."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import cast

from ..errors import AskedWrongly
from . import django, locks, procfile, trouble
from .declared import find_declared
from .entry import find_entry
from .found import Chosen, Detected, Entry, Reason, counted
from .libraries import find_libraries
from .migrations import find_migrate, manage_of
from .processes import find_processes
from .pythons import find_python
from .servers import find_server
from .source import modules
from .tree import Below, Tree, text, worth_reading
from .variables import find_database, find_variables
from .written import find_folders, find_static, find_written


def detect(tree: Tree, *, entry: str = "") -> Detected:
    """What the project in ``tree`` is.  ``entry`` is MODULE:NAME, chosen by hand.

    Raises ``AskedWrongly``: ``no-python-app``, ``two-entry-points``, ``lock-missing``,
    ``lock-unreadable``, ``procfile-unreadable``.
    """
    root = _root(tree)
    if root == ".":
        return _detect(tree, entry)
    return _lifted(_detect(Below(tree, root), entry), root)


def _detect(tree: Tree, asked: str) -> Detected:
    paths = [p for p in tree.paths() if worth_reading(p)]
    found = modules(tree)
    if not found:
        raise trouble.no_python(_what_there_is(tree))
    lines = procfile.parse(text(tree, procfile.FILE) or "")
    try:
        lock, lock_notes = locks.find_lock(tree)
    except AskedWrongly:
        find_entry(found, paths, lines, asked=asked)  # no app at all is the greater news
        raise
    entry, others = find_entry(found, paths, lines, asked=asked, held=frozenset(lock.packages))
    settings = django.find_settings(found) if entry.framework == "Django" else None
    variables = find_variables(found)
    database = find_database(variables, lock, found)
    processes, process_notes = find_processes(found, paths, lock, lines)
    wanted = django.find_shared(settings) if settings else ()
    written = (*find_written(found, entry, lock, database), *find_folders(variables))
    shared, shared_notes = _shared(tree, (*wanted, *written))
    notes = (*others, *lock_notes, *process_notes, *shared_notes)
    if settings:
        notes += (*django.static_note(settings), *django.hosts_note(settings))
        notes += django.secret_note(settings)
    return Detected(
        entry=entry,
        lock=lock,
        server=find_server(entry, lock),
        python=find_python(tree),
        variables=variables,
        database=database,
        migrate=find_migrate(paths, entry, lock, settings, lines),
        build=django.find_build(settings, manage_of(paths)) if settings else None,
        static=django.find_static(settings)
        if settings
        else find_static(found, entry, tree.paths()),
        shared=shared,
        processes=processes,
        libraries=find_libraries(lock, found),
        imports=_imports(paths, entry),
        notes=notes,
    )


def _imports(paths: Sequence[str], entry: Entry) -> tuple[str, ...]:
    """``src``, when the app is elsewhere and takes its packages from there."""
    there = any(re.fullmatch(r"src/[^/]+/__init__\.py", path) for path in paths)
    return ("src",) if there and entry.folder != "src" else ()


def _shared(tree: Tree, wanted: Sequence[Chosen]) -> tuple[tuple[Chosen, ...], tuple[Reason, ...]]:
    """What has to outlive a release; not what the repository has itself."""
    kept: dict[str, Chosen] = {}
    notes = []
    for one in wanted:
        path = one.value.rstrip("/")
        folder = posixpath.dirname(path)
        if folder and not one.value.endswith("/") and not _inside(tree, folder):
            path, one = folder, replace(one, value=f"{folder}/")  # a file needs its folder
        inside = _inside(tree, path)
        if inside:
            words = f"{path} is in the repository, so each release begins with that copy"
            notes.append(Reason(words, inside[0]))
        else:
            kept.setdefault(one.value, one)
    return tuple(kept.values()), tuple(notes)


def _inside(tree: Tree, path: str) -> list[str]:
    """The files of the repository that are ``path`` or below it."""
    return [p for p in tree.paths() if p == path or p.startswith(f"{path}/")]


def _root(tree: Tree) -> str:
    """The folder of the app: the top when it has a lock, else the one folder that has."""
    paths = tree.paths()
    if locks.candidates(paths) or find_declared(tree)[0]:
        return "."
    folders = {
        folder
        for path in paths
        if worth_reading(path) and (folder := posixpath.dirname(path)) and folder.count("/") < 2
    }
    having = sorted(f for f in folders if locks.candidates(Below(tree, f).paths()))
    having = having or sorted(f for f in folders if find_declared(Below(tree, f))[0])
    apps = [f for f in having if any(p.endswith(".py") for p in Below(tree, f).paths())]
    # requirements/base.txt makes "requirements" no folder of an app
    if len(apps) > 1:
        raise trouble.two_folders(apps)
    return apps[0] if apps else "."


def _lifted(found: Detected, root: str) -> Detected:
    """The same with reasons whose paths begin at the top of the tree."""

    def lift(value: object) -> object:
        if isinstance(value, Reason):
            return replace(value, path=f"{root}/{value.path}") if value.path else value
        if isinstance(value, tuple):
            return tuple(lift(item) for item in value)
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{f.name: lift(getattr(value, f.name)) for f in fields(value)})
        return value

    return replace(cast(Detected, lift(found)), root=root)


def _what_there_is(tree: Tree) -> str:
    paths = tree.paths()
    if not paths:
        return "no files"
    ends = sorted({posixpath.splitext(p)[1] for p in paths} - {""})
    return f"{counted(len(paths), 'file')} ({', '.join(ends[:6]) or 'without endings'}), no Python"
