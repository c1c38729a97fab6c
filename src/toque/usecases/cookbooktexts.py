"""Cookbooks as texts: modules as syntax trees, templates, names of files.  Nothing is imported."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import toque

from ..checks.source import Module, argument, called, parse, text_of
from ..checks.subject import Book, Text
from ..cookbooks.sources import Source

LARGEST = 4 << 20  # bytes of a file that are looked into
KINDS = ("templates", "files")
NOT_COOKBOOKS = ("test", "tests", "__pycache__")
# Modules of ours that tell what a recipe is given.
GIVEN = ("fleet.app", "fleet.balanced", "fleet.release", "fleet.source", "node.model",
         "node.values", "cookbooks.recipe", "cookbooks.envfile")  # fmt: skip


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
    paths = [path for path in sorted(folder.rglob("*")) if _counts(path, folder)]
    root = _root(paths, folder)
    for path in paths:
        shown, inside = shown_path(path, directory), path.relative_to(folder)
        below = path.relative_to(root).parts if path.is_relative_to(root) else ()
        if below[:1] == ("templates",):
            templates["/".join(below[1:])] = Text(shown, _text(path))
        elif below[:1] == ("files",):
            files["/".join(below[1:])] = shown
        elif path.suffix == ".py":
            dotted = ".".join([package, *inside.with_suffix("").parts]).removesuffix(".__init__")
            try:
                modules.append(parse(dotted, shown, _text(path)))
            except SyntaxError as error:
                broken.append((shown, error.lineno or 1, error.msg))
    start = shown_path(base, directory)
    before = "" if start == "." else f"{start}/"
    return Book(package, before, tuple(modules), templates, files, tuple(broken))


def _counts(path: Path, folder: Path) -> bool:
    """Whether a file of a package is the package's own, and no test or link."""
    above = path.relative_to(folder).parts[:-1]
    hidden = any(part in NOT_COOKBOOKS or part.startswith(".") for part in above)
    return not hidden and path.is_file() and not path.is_symlink()


def _root(paths: Sequence[Path], folder: Path) -> Path:
    """The folder that templates and files are in: the topmost that has some."""
    roots = [one.parent for path in paths for one in path.parents if one.name in KINDS]
    return min(
        (r for r in roots if r.is_relative_to(folder)), key=lambda r: len(r.parts), default=folder
    )


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


def _text(path: Path) -> str:
    return head_of(path).decode("utf-8", "replace")


def head_of(path: Path) -> bytes:
    """The beginning of a file; nothing of one that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST)
    except OSError:
        return b""


def shown_path(path: Path, directory: Path) -> str:
    """A path as it is told: from ``directory``, with slashes."""
    return Path(os.path.relpath(path, directory)).as_posix()
