"""What an app without Django writes below its own code, and which of its files are static."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from .found import Chosen, Database, Entry, Lock, Reason, Static, Variable
from .source import Module, argument, literal

_DATA = re.compile(r"(^|_)(DATA|UPLOADS?|STORAGE|MEDIA)_?(DIR|DIRECTORY|FOLDER|PATH|ROOT)$")
# A path in SQLAlchemy's URL: three slashes are relative to where the app runs, four absolute.
_SQLITE = re.compile(r"sqlite(?:\+[a-z]+)?:///(?:\./)?([A-Za-z0-9_][A-Za-z0-9_./-]*)")


def find_written(
    modules: Sequence[Module], entry: Entry, lock: Lock, database: Database | None
) -> Iterator[Chosen]:
    """SQLite's files and Flask's instance folder: each has to outlive a release."""
    instance = "flask-sqlalchemy" in lock.packages
    for module in modules:
        for node in ast.walk(module.body):
            if isinstance(node, ast.Attribute) and node.attr == "instance_path":
                why = Reason("Flask's instance folder", module.path, node.lineno)
                yield Chosen(_instance(entry), why)
            elif isinstance(node, ast.Call) and module.calls(node) == "sqlite3.connect":
                path = literal(argument(node, "database", 0))
                if path and re.fullmatch(r"[\w][\w./-]*", path):
                    yield Chosen(path, Reason("SQLite's file", module.path, node.lineno))
            elif isinstance(node, ast.Constant) and (match := _SQLITE.fullmatch(str(node.value))):
                if database is not None and database.why.line == node.lineno:
                    continue  # the default of a variable that has PostgreSQL's URL now
                why = Reason("SQLite's file", module.path, node.lineno)
                # Flask-SQLAlchemy 3 puts relative files into the instance folder.
                yield Chosen(_instance(entry) if instance else match.group(1), why)


def find_folders(variables: Sequence[Variable]) -> Iterator[Chosen]:
    """Folders of data whose variable is left to its default, below where the app runs."""
    for variable in variables:
        path = posixpath.normpath(variable.default) if variable.default else ""
        if _DATA.search(variable.name) and re.fullmatch(r"[A-Za-z0-9_][\w/-]*", path):
            yield Chosen(f"{path}/", replace(variable.why, words=f"{variable.name}'s default"))


def find_static(
    modules: Sequence[Module], entry: Entry, paths: Sequence[str]
) -> tuple[Static, ...]:
    """Flask's ``static`` beside the module that makes the app, unless it is told another place.

    Starlette and FastAPI say ``app.mount("/static", StaticFiles(directory="static"))``.
    """
    found: dict[str, Static] = {}
    for module in modules:
        for node in ast.walk(module.body):
            if not isinstance(node, ast.Call):
                continue
            one = _flask(module, node) or _mounted(module, node)
            if one is not None and any(p.startswith(f"{one.folder}/") for p in paths):
                found.setdefault(one.url, one)
    return tuple(found.values())


def _flask(module: Module, node: ast.Call) -> Static | None:
    if module.calls(node) != "flask.Flask":
        return None
    folder, url = argument(node, "static_folder"), argument(node, "static_url_path")
    if (folder and literal(folder) is None) or (url and literal(url) is None):
        return None
    name = literal(folder) or "static"
    prefix = (literal(url) or posixpath.basename(name)).strip("/")
    if name.startswith(("/", "..")) or not prefix:
        return None
    path = posixpath.join(module.folder, name)
    return Static(f"/{prefix}/", path, Reason("Flask's static files", module.path, node.lineno))


def _mounted(module: Module, node: ast.Call) -> Static | None:
    if not (isinstance(node.func, ast.Attribute) and node.func.attr == "mount"):
        return None
    url, files = literal(argument(node, "path", 0)), argument(node, "app", 1)
    if not isinstance(files, ast.Call) or not module.calls(files).endswith(".StaticFiles"):
        return None
    folder = literal(argument(files, "directory", 0))
    if argument(files, "html") is not None or not folder or folder.startswith(("/", "..")):
        return None
    if not url or not url.strip("/"):
        return None
    path = posixpath.normpath(folder)  # StaticFiles looks below the folder that the app runs in
    return Static(f"/{url.strip('/')}/", path, Reason("StaticFiles", module.path, node.lineno))


def _instance(entry: Entry) -> str:
    """Where Flask keeps an app's own files: beside its package or module."""
    return posixpath.join(entry.folder, "instance/")
