"""``toque check``: read a project and its cookbooks, compile what can be compiled, and judge."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..checks.access_token import HINT
from ..checks.allowances import MARK
from ..checks.judge import Judged, judge
from ..checks.plain_secret import ENV_FILE
from ..checks.source import Module
from ..checks.subject import Book, Subject, Text
from ..cookbooks.load import load_sources
from ..fleet.foundkeys import HINTS
from ..fleet.project import Project
from . import sampling
from .cookbooktexts import books_in, cookbooks_in, head_of, modules_given, shown_path
from .definitions import Definitions, definitions
from .site import Site

SEALED = b"age-encryption.org/"  # how a file begins that Toque keeps encrypted

Files = Callable[[Path], Iterable[Path]]  # those of a project below a folder


def check(site: Site, files: Files) -> Judged:
    """All findings in a project and its cookbooks.

    Raises what makes it impossible to look: ``AskedWrongly`` for settings, a lock that is missing
    or stale, or ``isolation-unavailable``; ``BadCookbook("cookbook-missing")`` for a folder that
    should hold cookbooks.
    """
    defined = definitions(site)
    books = books_in(defined.sources, site.project.directory)
    if not books:
        load_sources(defined.sources)  # raises where there should be some
    unloaded = dict(sampling.unloaded(site, defined))
    names = {book.package: cookbooks_in(book) for book in books}
    gone = {name for package in unloaded for name in (package, *names[package])}
    good = replace(defined, sources=sampling.sources_without(defined.sources, set(unloaded)))
    own = {name: events for table in names.values() for name, events in table.items()}
    subject = Subject(
        books=books,
        around=modules_given(),
        importable=_importable(books, defined),
        files=tuple(_texts(site.project, files)),
        harmless=frozenset(_harmless(site.project)),
        apps=site.project.apps,
        spot=site.project.spot,
        unloaded=unloaded,
        samples=tuple(sampling.samples(site, good, own, gone)),
    )
    return judge(subject)


def _texts(project: Project, files: Files) -> Iterator[Text]:
    """The files of a project that a rule could want, those of cookbooks elsewhere included."""
    done: set[Path] = set()
    for folder in (project.directory, *project.cookbooks):
        for path in files(folder) if folder.is_dir() else ():
            if path in done:
                continue
            done.add(path)
            shown = shown_path(path, project.directory)
            data = head_of(path)
            if not data.startswith(SEALED) and (ENV_FILE.search(shown) or _wanted(data)):
                yield Text(shown, data.decode("utf-8", "replace"))


def _wanted(data: bytes) -> bool:
    return any(hint.encode() in data for hint in (*HINTS, MARK)) or bool(HINT.search(data))


def _harmless(project: Project) -> Iterator[str]:
    """The files that apps of this project call harmless, when their repository is here."""
    for app in project.apps.values():
        if not app.remote:
            top = Path(project.repository(app))
            yield from (shown_path(top / path, project.directory) for path in app.harmless_keys)


def _importable(books: Sequence[Book], defined: Definitions) -> frozenset[str]:
    """Which of the top names that cookbooks import are there for them."""
    asked = {
        name.partition(".")[0]
        for book in books
        for module in book.modules
        for node in ast.walk(module.tree)
        for name in _names(module, node)
    }
    beside = {Path(source.base) for source in defined.sources}
    return frozenset(name for name in asked if _is_there(name, beside, defined))


def _names(module: Module, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield module.absolute(node)


def _is_there(name: str, folders: Iterable[Path], defined: Definitions) -> bool:
    """In Python itself, beside the cookbooks or in their packages; else in Toque's environment,
    which cookbooks with dependencies of their own do not see."""
    if name in sys.stdlib_module_names or name in ("toque", "jinja2", "markupsafe"):
        return True
    there = [*folders, *([defined.packages] if defined.packages else [])]
    if any((folder / name).is_dir() or [*folder.glob(f"{name}.*")] for folder in there):
        return True
    return defined.packages is None and importlib.util.find_spec(name) is not None
