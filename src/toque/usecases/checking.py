"""``toque check``: read a project and its cookbooks, compile what can be compiled, and judge."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import toque

from ..checks.access_token import HINT
from ..checks.allowances import MARK
from ..checks.judge import Judged, judge
from ..checks.plain_secret import ENV_FILE
from ..checks.source import Module, argument, called, parse, text_of
from ..checks.subject import Book, Subject, Text
from ..cookbooks.sources import Source
from ..fleet.foundkeys import HINTS
from ..fleet.project import Project
from . import sampling
from .definitions import Definitions, definitions
from .site import Site

LARGEST = 4 << 20  # bytes of a file that is looked into
SEALED = b"age-encryption.org/"  # how a file begins that Toque keeps encrypted
KINDS = ("templates", "files")
NOT_COOKBOOKS = ("test", "tests", "__pycache__")
# Modules of ours that tell what a recipe is given.
GIVEN = ("fleet.app", "fleet.balanced", "fleet.release", "fleet.source", "node.model",
         "node.values", "cookbooks.recipe", "cookbooks.envfile")  # fmt: skip

Files = Callable[[Path], Iterable[Path]]  # those of a project below a folder


def check(site: Site, files: Files) -> Judged:
    """All findings in a project and its cookbooks.

    Raises what makes it impossible to look: ``AskedWrongly`` for settings, a lock that is missing
    or stale, or ``isolation-unavailable``.
    """
    defined = definitions(site)
    books = books_in(defined.sources, site.project.directory)
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


def books_in(sources: Sequence[Source], directory: Path) -> tuple[Book, ...]:
    """The packages of ``sources`` with their paths from ``directory``."""
    return tuple(
        read_book(Path(source.base), package, directory)
        for source in sources
        for package in source.packages
    )


def read_book(base: Path, package: str, directory: Path) -> Book:
    """The package that is imported as ``package`` from the folder ``base``."""
    folder = base / package.replace(".", "/")
    modules, templates, files, broken = [], {}, {}, []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if not path.is_file() or any(p in NOT_COOKBOOKS or p[0] == "." for p in parts[:-1]):
            continue
        shown, kind = _shown(path, directory), next((p for p in parts[:-1] if p in KINDS), "")
        name = "/".join(parts[parts.index(kind) + 1 :]) if kind else ""
        if kind == "templates":
            templates[name] = Text(shown, path.read_text("utf-8", "replace"))
        elif kind == "files":
            files[name] = shown
        elif path.suffix == ".py":
            dotted = ".".join([package, *parts[:-1], path.stem]).removesuffix(".__init__")
            try:
                modules.append(parse(dotted, shown, path.read_text("utf-8", "replace")))
            except (SyntaxError, ValueError) as error:  # ValueError: a NUL in it
                line, said = getattr(error, "lineno", 1), getattr(error, "msg", str(error))
                broken.append((shown, line or 1, said))
    start = _shown(base, directory)
    before = "" if start == "." else f"{start}/"
    return Book(package, before, tuple(modules), templates, files, tuple(broken))


def cookbooks_in(book: Book) -> Mapping[str, tuple[str, ...]]:
    """The names of the cookbooks of a package with their events, as its text has them."""
    found: dict[str, tuple[str, ...]] = {}
    for module in book.modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and called(node) == "Cookbook":
                name, events = text_of(argument(node, "name", 0)), argument(node, "events", 2)
                keys = events.keys if isinstance(events, ast.Dict) else []
                if name:
                    found[name] = tuple(text for key in keys if (text := text_of(key)))
    return found


def modules_given() -> dict[str, Module]:
    """Modules of Toque that recipes use: what they are given, and the library."""
    top = Path(toque.__file__).parent
    paths = [top / "__init__.py", *(top / f"{name.replace('.', '/')}.py" for name in GIVEN)]
    paths += sorted((top / "library").rglob("*.py"))
    found = {}
    for path in paths:
        parts = path.relative_to(top.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        found[name] = parse(name, str(path), path.read_text("utf-8"))
    return found


def _texts(project: Project, files: Files) -> Iterator[Text]:
    """The files of a project that a rule could want, those of cookbooks elsewhere included."""
    done: set[Path] = set()
    for folder in (project.directory, *project.cookbooks):
        for path in files(folder) if folder.is_dir() else ():
            if path in done:
                continue
            done.add(path)
            shown = _shown(path, project.directory)
            data = _bytes(path)
            if not data.startswith(SEALED) and (ENV_FILE.search(shown) or _wanted(data)):
                yield Text(shown, data.decode("utf-8", "replace"))


def _wanted(data: bytes) -> bool:
    return any(hint.encode() in data for hint in (*HINTS, MARK)) or bool(HINT.search(data))


def _bytes(path: Path) -> bytes:
    """The beginning of a file; nothing of one that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST)
    except OSError:
        return b""


def _harmless(project: Project) -> Iterator[str]:
    """The files that apps of this project call harmless, when their repository is here."""
    for app in project.apps.values():
        if not app.remote:
            top = Path(project.repository(app))
            yield from (_shown(top / path, project.directory) for path in app.harmless_keys)


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


def _shown(path: Path, directory: Path) -> str:
    return Path(os.path.relpath(path, directory)).as_posix()
