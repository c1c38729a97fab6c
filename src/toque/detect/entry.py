"""The entry point: what an app server is told to serve."""

from __future__ import annotations

import ast
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from . import trouble
from .found import Entry, Interface, Reason, counted
from .imports import file_of, import_root, module_name
from .procfile import Line
from .source import Module, assigned, literal, top_statements

# Calls that make an app, by where the name comes from; imports of submodules count too.
MAKERS: Mapping[str, tuple[str, Interface]] = {
    "flask.Flask": ("Flask", "wsgi"),
    "flask_openapi3.OpenAPI": ("Flask", "wsgi"),
    "apiflask.APIFlask": ("Flask", "wsgi"),
    "connexion.FlaskApp": ("Flask", "wsgi"),
    "bottle.Bottle": ("Bottle", "wsgi"),
    "falcon.App": ("Falcon", "wsgi"),
    "falcon.asgi.App": ("Falcon", "asgi"),
    "fastapi.FastAPI": ("FastAPI", "asgi"),
    "fastapi.applications.FastAPI": ("FastAPI", "asgi"),
    "starlette.applications.Starlette": ("Starlette", "asgi"),
    "quart.Quart": ("Quart", "asgi"),
    "litestar.Litestar": ("Litestar", "asgi"),
    "litestar.app.Litestar": ("Litestar", "asgi"),
    "django.core.wsgi.get_wsgi_application": ("Django", "wsgi"),
    "django.core.asgi.get_asgi_application": ("Django", "asgi"),
}
FACTORIES = ("create_app", "make_app", "build_app", "get_app", "app_factory", "create_application")
NAMES = ("app", "application", "api", "server")
# Files by how clearly their name says that a server is meant to load them.
RANKS = {
    name: rank
    for rank, names in enumerate(
        ("wsgi asgi", "app main application server run", "__init__ api web factory")
    )
    for name in names.split()
}
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*(\(\))?")
_WEB_PROGRAMS = ("gunicorn", "uvicorn", "hypercorn", "granian", "uwsgi", "daphne", "waitress-serve")


@dataclass(frozen=True)
class Candidate:
    """Something that could be the app; a lower ``rank`` is a clearer one."""

    module: Module
    name: str
    framework: str
    interface: Interface
    line: int
    words: str
    factory: bool = False

    @property
    def rank(self) -> tuple[int, int, int]:
        """How clear it is: an object before a factory, by file name, then by depth."""
        kind = RANKS.get(self.module.stem, 3)
        depth = self.module.path.count("/") - (1 if self.module.stem == "__init__" else 0)
        return (1 if self.factory else 0, kind, depth)


def find_entry(
    modules: Sequence[Module],
    paths: Sequence[str],
    procfile: Sequence[Line],
    *,
    asked: str = "",
    held: frozenset[str] = frozenset(),
) -> tuple[Entry, tuple[Reason, ...]]:
    """The entry point, and what else could have been one.

    ``asked`` is MODULE:NAME by hand, ``held`` the packages of the lock.
    Raises ``AskedWrongly``: ``no-python-app``, ``two-entry-points``.
    """
    candidates = _candidates(modules, paths)
    if asked:
        return _named(asked, candidates, paths, Reason(f"asked for: {asked}")), ()
    for line in procfile:
        target = _target_of(line.command) if line.name == "web" else ""
        if target:
            why = Reason(f"web: names {target}", line.path, line.number)
            return _named(target, candidates, paths, why), ()
    if not candidates:
        for module in modules:
            for factory in _factories(module):
                raise trouble.needs_arguments(factory.module.path, factory.line, factory.words)
        raise trouble.no_python(f"no app in the {counted(len(modules), 'Python file')} looked at")
    return _clearest(_of_interface(candidates, held), paths)


def _clearest(
    candidates: Sequence[Candidate], paths: Sequence[str]
) -> tuple[Entry, tuple[Reason, ...]]:
    best = min(c.rank for c in candidates)
    first = [c for c in candidates if c.rank == best]
    modules = {c.module.path for c in first}
    if len(modules) > 1:
        raise trouble.two_entries([f"{c.module.path}:{c.line} {c.words}" for c in first])
    chosen = min(first, key=lambda c: NAMES.index(c.name) if c.name in NAMES else len(NAMES))
    others = {
        c.module.path: Reason(
            f"could be an app too ({c.words}); --entry chooses", c.module.path, c.line
        )
        for c in candidates
        if c.module.path != chosen.module.path and c.rank[:2] == best[:2]
    }
    return _entry_of(chosen, paths), tuple(others.values())


def _of_interface(candidates: Sequence[Candidate], held: frozenset[str]) -> list[Candidate]:
    """Django makes both a wsgi.py and an asgi.py: ASGI is meant where the app lives on it."""
    django = {c.interface for c in candidates if c.framework == "Django"}
    if django == {"wsgi", "asgi"}:
        wanted = (
            "asgi"
            if held & {"channels", "daphne", "uvicorn", "django-ninja-extra"}
            and not (held & {"gunicorn", "uwsgi"})
            else "wsgi"
        )
        return [c for c in candidates if c.framework != "Django" or c.interface == wanted]
    return list(candidates)


def _candidates(modules: Sequence[Module], paths: Sequence[str]) -> list[Candidate]:
    found: list[Candidate] = []
    factories: dict[tuple[str, str], Candidate] = {}
    for module in modules:
        for factory in _factories(module):
            factories[module.path, factory.name] = factory
    objects: dict[tuple[str, str], Candidate] = {}
    for module in modules:
        for made in _objects(module, factories, paths):
            objects[module.path, made.name] = made
    # "from shop import app" in a wsgi.py, "from .core import *" in a package
    for module in modules:
        if RANKS.get(module.stem, 9) == 0 or module.stem == "__init__":
            for made in _imported(module, objects, paths):
                objects.setdefault((module.path, made.name), made)
        if RANKS.get(module.stem, 9) == 0 and not any(path == module.path for path, _ in objects):
            for made in _meant(module):
                objects[module.path, made.name] = made
    found = list(objects.values())
    good = [f for f in factories.values() if not f.words.endswith("needs arguments")]
    return found or good


def _objects(
    module: Module, factories: Mapping[tuple[str, str], Candidate], paths: Sequence[str]
) -> list[Candidate]:
    """Apps that the module makes when it is imported."""
    found: dict[str, Candidate] = {}
    for statement in top_statements(module.body):
        names, value = assigned(statement)
        if not names or value is None:
            continue
        for call in _calls_in(value):
            origin = module.calls(call)
            if origin in MAKERS:
                framework, interface = MAKERS[origin]
                words = f"{names[0]} = {origin.rpartition('.')[2]}(...)"
            else:
                made_by = _factory_of(origin, module, factories, paths)
                if made_by is None:
                    continue
                framework, interface = made_by
                words = f"{names[0]} = {origin.rpartition('.')[2]}(...)"
            for name in names:
                found[name] = Candidate(module, name, framework, interface, statement.lineno, words)
            break
    for made in _lazy(module, factories, paths):
        found.setdefault(made.name, made)
    return list(found.values())


def _lazy(
    module: Module, factories: Mapping[tuple[str, str], Candidate], paths: Sequence[str]
) -> Iterator[Candidate]:
    """An app made when somebody first asks for it: ``__getattr__`` of the module (PEP 562)."""
    for statement in module.body.body:
        if not isinstance(statement, ast.FunctionDef) or statement.name != "__getattr__":
            continue
        names = [
            name for node in ast.walk(statement) if isinstance(node, ast.Compare)
            for name in [literal(node.comparators[0])] if name in NAMES
        ]  # fmt: skip
        for node in ast.walk(statement):
            if not isinstance(node, ast.Call):
                continue
            made_by = _factory_of(module.calls(node), module, factories, paths)
            if names and made_by is not None:
                yield Candidate(module, names[0], *made_by, node.lineno, "made by __getattr__")
                return


def _calls_in(value: ast.expr) -> list[ast.Call]:
    """The call, and those in its arguments: ``ProxyFix(Flask(...))``."""
    if not isinstance(value, ast.Call):
        return []
    inner = [c for a in value.args if isinstance(a, ast.Call) for c in _calls_in(a)]
    return [value, *inner]


def _factory_of(
    origin: str,
    module: Module,
    factories: Mapping[tuple[str, str], Candidate],
    paths: Sequence[str],
) -> tuple[str, Interface] | None:
    """What a function makes: a factory of the project, or one of a package by its usual name."""
    if not origin:
        return None
    known = factories.get((module.path, origin)) or factories.get(_where(origin, module, paths))
    if known is not None:
        return known.framework, known.interface
    package, _, name = origin.rpartition(".")
    if name in FACTORIES and package and not package.startswith("."):
        return f"{package.partition('.')[0]}'s", "asgi" if module.stem == "asgi" else "wsgi"
    return None


def _where(origin: str, module: Module, paths: Sequence[str]) -> tuple[str, str]:
    return file_of(origin, module, import_root(module, paths), paths)


def _imported(
    module: Module, objects: Mapping[tuple[str, str], Candidate], paths: Sequence[str]
) -> list[Candidate]:
    found = []
    for statement in module.body.body:
        if not isinstance(statement, ast.ImportFrom):
            continue
        for alias in statement.names:
            name = alias.asname or alias.name
            where = _where(module.names[name], module, paths)
            if name == "*":
                all_of_it = [made for (path, _), made in objects.items() if path == where[0]]
            else:
                all_of_it = [objects[where]] if where in objects else []
            for made in all_of_it:
                words = f"imports {made.name}, a {made.framework} app"
                known = made.name if name == "*" else name
                found.append(replace(made, module=module, name=known, line=statement.lineno,
                                     words=words))  # fmt: skip
    return found


def _meant(module: Module) -> list[Candidate]:
    """``application`` or ``app`` of a wsgi.py or asgi.py, wherever it comes from."""
    interface: Interface = "asgi" if module.stem == "asgi" else "wsgi"
    for statement in top_statements(module.body):
        names, _ = assigned(statement)
        if isinstance(statement, ast.ImportFrom):
            names = [alias.asname or alias.name for alias in statement.names]
        for name in names:
            if name in ("application", "app"):
                words = f"{module.stem}.py has {name}"
                kind = interface.upper()
                return [Candidate(module, name, kind, interface, statement.lineno, words)]
    return []


def _factories(module: Module) -> list[Candidate]:
    """Functions of the usual names in which an app is made."""
    found = []
    for statement in module.body.body:
        if not isinstance(statement, ast.FunctionDef) or statement.name not in FACTORIES:
            continue
        made = [
            MAKERS[module.calls(node)]
            for node in ast.walk(statement)
            if isinstance(node, ast.Call) and module.calls(node) in MAKERS
        ]
        if made:
            arguments = statement.args
            needed = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
            needed += sum(1 for default in arguments.kw_defaults if default is None)
            words = f"{statement.name}() makes a {made[0][0]} app"
            words += ", but needs arguments" if needed else ""
            found.append(
                Candidate(
                    module, statement.name, *made[0], line=statement.lineno, words=words,
                    factory=True,
                )
            )  # fmt: skip
    return found


def _entry_of(chosen: Candidate, paths: Sequence[str]) -> Entry:
    root = import_root(chosen.module, paths)
    if chosen.framework == "Django":  # its settings are named from where manage.py is
        manages = [posixpath.dirname(p) for p in paths if posixpath.basename(p) == "manage.py"]
        above = [f for f in manages if not f or chosen.module.path.startswith(f"{f}/")]
        root = max(above, key=len) if above else root
    target = f"{module_name(chosen.module.path, root)}:{chosen.name}"
    return Entry(
        target + ("()" if chosen.factory else ""),
        chosen.interface,
        chosen.framework,
        Reason(chosen.words, chosen.module.path, chosen.line),
        folder=root,
    )


def _named(
    target: str, candidates: Sequence[Candidate], paths: Sequence[str], why: Reason
) -> Entry:
    """An entry that somebody names; what it is comes from the candidate of that name."""
    module, _, name = target.partition(":")
    plain = name.removesuffix("()")
    path = module.replace(".", "/")
    for candidate in candidates:
        entry = _entry_of(candidate, paths)
        if entry.target.removesuffix("()") == f"{module}:{plain}":
            return Entry(target, entry.interface, entry.framework, why, entry.folder)
    ends = [p for p in paths if p in (f"{path}.py", f"{path}/__init__.py")]
    ends += [p for p in paths if p.endswith((f"/{path}.py", f"/{path}/__init__.py"))]
    if not ends:
        raise trouble.no_python(f"no file for the module {module} ({why})")
    tail = f"{path}/__init__.py" if ends[0].endswith("__init__.py") else f"{path}.py"
    folder = ends[0][: -len(tail)].rstrip("/")
    same = [c for c in candidates if c.module.path == ends[0]] or list(candidates)
    interface = same[0].interface if same else "wsgi"
    framework = same[0].framework if same else "unknown"
    if posixpath.basename(path) in ("wsgi", "asgi"):
        interface = cast(Interface, posixpath.basename(path))
    return Entry(target, interface, framework, why, folder)


def _target_of(command: str) -> str:
    """MODULE:NAME in the command of a Procfile's web process."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    if not any(posixpath.basename(w) in _WEB_PROGRAMS for w in words):
        return ""
    factory = "--factory" in words
    for word in words:
        if _TARGET.fullmatch(word) and not re.search(r":\d+$", word):
            return f"{word}()" if factory and not word.endswith("()") else word
    for word in words:  # gunicorn takes a bare module, whose object is "application"
        if word.endswith((".wsgi", ".asgi")) and "/" not in word and not word.startswith("-"):
            return f"{word}:application"
    return ""


def settings_module(modules: Sequence[Module]) -> tuple[str, Reason] | None:
    """Django's settings, as manage.py (or wsgi.py) names them."""
    wanted = ("manage", "wsgi", "asgi")
    for module in sorted(
        (m for m in modules if m.stem in wanted), key=lambda m: wanted.index(m.stem)
    ):
        for node in ast.walk(module.body):
            if not isinstance(node, ast.Call) or len(node.args) != 2:
                continue
            if literal(node.args[0]) == "DJANGO_SETTINGS_MODULE":
                name = literal(node.args[1])
                if name:
                    return name, Reason(f"names {name}", module.path, node.lineno)
    return None
