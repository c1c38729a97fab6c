"""Django's settings, read and not run: where its files are, who may ask, which database."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from .entry import settings_module
from .found import Build, Chosen, Reason, Static
from .source import Module, assigned, literal, top_statements


@dataclass(frozen=True)
class Settings:
    """``module`` is the dotted name, ``parts`` the modules that make it up (its own package's)."""

    module: str
    parts: Sequence[Module]
    why: Reason


def find_settings(modules: Sequence[Module]) -> Settings | None:
    """The settings that manage.py names, with those of the same package that they import."""
    named = settings_module(modules)
    if named is None:
        return None
    name, why = named
    tail = name.replace(".", "/")
    own = [
        m for m in modules
        if m.path.removesuffix(".py").removesuffix("/__init__") == tail
        or m.path.removesuffix(".py").removesuffix("/__init__").endswith(f"/{tail}")
    ]  # fmt: skip
    if not own:
        return None
    folder = own[0].folder
    around = [m for m in modules if m.folder == folder and m.stem in ("base", "common", "defaults")]
    return Settings(name, [own[0], *(m for m in around if m is not own[0])], why)


def value_of(settings: Settings, name: str) -> tuple[ast.expr, Module] | None:
    """What a setting is given, in the settings themselves before what they import."""
    for module in settings.parts:
        last = None
        for statement in top_statements(module.body):
            names, value = assigned(statement)
            if name in names and value is not None:
                last = value
        if last is not None:
            return last, module
    return None


def find_static(settings: Settings) -> tuple[Static, ...]:
    """What nginx can serve by itself: collected files, unless the app does, and uploads."""
    found = []
    ours = _installed(settings, "django.contrib.staticfiles")
    if ours is not None and _middleware(settings, "whitenoise") is None:
        found.append(_served(settings, "STATIC_ROOT", "STATIC_URL", "static/"))
    found.append(_served(settings, "MEDIA_ROOT", "MEDIA_URL", ""))
    return tuple(one for one in found if one is not None)


def find_build(settings: Settings, manage: str) -> Build | None:
    """``collectstatic``, where STATIC_ROOT says into what folder."""
    root = _folder(settings, "STATIC_ROOT")
    if root is None or not manage or _installed(settings, "django.contrib.staticfiles") is None:
        return None
    command = f"python {manage} collectstatic --noinput"
    return Build(command, root.value, root.why)


def static_note(settings: Settings) -> tuple[Reason, ...]:
    """A warning when style sheets will be missing once DEBUG is off."""
    ours = _installed(settings, "django.contrib.staticfiles")
    if ours is None or value_of(settings, "STATIC_ROOT") is not None:
        return ()
    words = "no STATIC_ROOT: style sheets and images are missing once DEBUG is off"
    return (Reason(words, ours.path, ours.line),)


def find_shared(settings: Settings) -> tuple[Chosen, ...]:
    """What the app writes below its own code: uploads, and SQLite's file."""
    found = []
    media = _folder(settings, "MEDIA_ROOT")
    if media is not None:
        found.append(
            Chosen(media.value, Reason("uploads: MEDIA_ROOT", media.why.path, media.why.line))
        )
    databases = value_of(settings, "DATABASES")
    if databases is not None:
        value, module = databases
        for node in ast.walk(value):
            if isinstance(node, ast.Dict):
                for key, item in zip(node.keys, node.values):
                    path = _path_of(item, module) if literal(key) == "NAME" else None
                    if path and path.endswith((".sqlite3", ".sqlite", ".db")):
                        why = Reason("SQLite's file", module.path, item.lineno)
                        found.append(Chosen(path, why))
    logging = value_of(settings, "LOGGING")
    if logging is not None:
        value, module = logging
        for node in ast.walk(value):
            if isinstance(node, ast.Dict):
                for key, item in zip(node.keys, node.values):
                    path = _path_of(item, module) if literal(key) == "filename" else None
                    if path:
                        found.append(Chosen(path, Reason("a log", module.path, item.lineno)))
    return tuple(found)


def _served(settings: Settings, root: str, url: str, default: str) -> Static | None:
    folder, where = _folder(settings, root), value_of(settings, url)
    prefix = (literal(where[0]) if where else None) or default
    if folder is None or not prefix.strip("/") or "://" in prefix:
        return None
    return Static(f"/{prefix.strip('/')}/", folder.value, folder.why)


def _folder(settings: Settings, name: str) -> Chosen | None:
    """A setting that is a folder of the project."""
    found = value_of(settings, name)
    path = _path_of(*found) if found is not None else None
    if found is None or path is None:
        return None
    return Chosen(path, Reason(f"{name} is {path}", found[1].path, found[0].lineno))


def hosts_note(settings: Settings) -> tuple[Reason, ...]:
    """A warning when ALLOWED_HOSTS is a list that can hold no name of this site."""
    found = value_of(settings, "ALLOWED_HOSTS")
    if found is None:
        return ()
    value, module = found
    if not isinstance(value, ast.List):
        return ()
    names = [literal(e) for e in value.elts]
    if None in names or "*" in names or any(n and n not in _LOCAL for n in names):
        return ()
    words = "ALLOWED_HOSTS has only this machine: visitors who use another name get a 400"
    return (Reason(words, module.path, value.lineno),)


_LOCAL = ("localhost", "127.0.0.1", "[::1]", "0.0.0.0")  # noqa: S104 - names that are compared


def secret_note(settings: Settings) -> tuple[Reason, ...]:
    """A warning when the key that signs sessions stands in the repository."""
    found = value_of(settings, "SECRET_KEY")
    if found is None or literal(found[0]) is None:
        return ()
    words = "SECRET_KEY stands in the code: whoever reads it can forge sessions"
    return (Reason(words, found[1].path, found[0].lineno),)


def _installed(settings: Settings, app: str) -> Reason | None:
    return _listed(settings, "INSTALLED_APPS", app)


def _middleware(settings: Settings, start: str) -> Reason | None:
    return _listed(settings, "MIDDLEWARE", start)


def _listed(settings: Settings, name: str, start: str) -> Reason | None:
    for module in settings.parts:
        for statement in top_statements(module.body):
            if not isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
                continue
            for node in ast.walk(statement):
                if (literal(node) or "").startswith(start) and isinstance(node, ast.expr):
                    return Reason(start, module.path, node.lineno)
    return None


def _path_of(node: ast.expr, module: Module) -> str | None:
    """A path below the project, of ``BASE_DIR / "x"`` and ``os.path.join(BASE_DIR, "x")``.

    BASE_DIR is taken for what ``startproject`` makes of it: the folder above the settings'
    package; it is computed from its own line when that says how many parents it takes.
    """
    parts = _parts(node, module)
    if parts is None or any(p in ("..", "") or p.startswith("/") for p in parts[1:]):
        return None
    return posixpath.normpath(posixpath.join(*parts)) if len(parts) > 1 else None


def _parts(node: ast.expr, module: Module) -> list[str] | None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        left, right = _parts(node.left, module), literal(node.right)
        return [*left, right] if left is not None and right else None
    if isinstance(node, ast.Call):
        origin = module.calls(node)
        if origin in ("os.path.join", "str", "pathlib.Path", "os.fspath") and node.args:
            first = _parts(node.args[0], module)
            rest = [literal(a) for a in node.args[1:]]
            if first is not None and all(rest):
                return [*first, *(r for r in rest if r)]
        if isinstance(node.func, ast.Attribute) and node.func.attr == "joinpath":
            first = _parts(node.func.value, module)
            rest = [literal(a) for a in node.args]
            return [*first, *(r for r in rest if r)] if first is not None and all(rest) else None
        return None
    if isinstance(node, ast.Name):
        base = _base(node.id, module)
        return [base] if base is not None else None
    return None


def _base(name: str, module: Module) -> str | None:
    """The folder that BASE_DIR (or ROOT_DIR, PROJECT_DIR) is: as many levels up as it says."""
    for statement in top_statements(module.body):
        names, value = assigned(statement)
        if name in names and value is not None:
            text = ast.dump(value)
            if "__file__" not in text:
                return None
            ups = text.count("attr='parent'") + text.count("attr='dirname'")
            parents = [
                n.slice.value for n in ast.walk(value)
                if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Constant)
                and isinstance(n.slice.value, int)
            ]  # fmt: skip
            ups += parents[0] + 1 if parents else 0
            folder = module.path
            for _ in range(ups):
                folder = posixpath.dirname(folder)
            return folder if folder != module.path else None
    origin = module.names.get(name, "")
    if origin.endswith(f".{name}") and "BASE" in name:  # from .base import BASE_DIR
        return posixpath.dirname(posixpath.dirname(module.path))
    return None
