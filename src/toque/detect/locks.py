"""Locks: which file says what the app needs, what it holds, and the same as requirements text.

Only requirements files are installed as they are.  A uv.lock is exported by uv itself; the other
formats hold names, versions, markers and hashes, and are converted here.  Sources: poetry.lock as
Poetry 1.1 to 2.x writes it, Pipfile.lock of pipfile-spec 6, pylock.toml of PEP 751 (version 1.0).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import AskedWrongly
from . import requirements, trouble
from .declared import READERS, find_declared
from .found import Lock, LockKind, Reason, counted
from .requirements import normal
from .tree import Tree

# The order in which they are believed; a requirements file beside one is usually made from it.
KINDS: Mapping[str, LockKind] = {
    "uv.lock": "uv",
    "pylock.toml": "pylock",
    "poetry.lock": "poetry",
    "Pipfile.lock": "pipenv",
}
REQUIREMENTS = (
    "requirements.txt",
    "requirements.lock",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements/base.txt",
    "requirements-prod.txt",
    "requirements/requirements.txt",
)
HINTS = {
    "uv": "uv lock",
    "pylock": "uv export --format pylock.toml -o pylock.toml",
    "poetry": "poetry lock",
    "pipenv": "pipenv lock",
    "requirements": "uv pip compile --generate-hashes requirements.in -o requirements.txt",
}


@dataclass(frozen=True)
class Package:
    """One locked package.  ``direct`` is a URL instead of a version; ``marker`` as PEP 508."""

    name: str
    version: str
    hashes: tuple[str, ...] = ()
    marker: str = ""
    extras: tuple[str, ...] = ()
    direct: str = ""


def kind_of(path: str) -> LockKind:
    """The kind of a lock, by its name."""
    name = path.rpartition("/")[2]
    if name.startswith("pylock.") and name.endswith(".toml"):
        return "pylock"
    if name in READERS:
        return "declared"
    return KINDS.get(name, "requirements")


def candidates(paths: Iterable[str]) -> list[str]:
    """The locks at the top of a tree, the one to be believed first."""
    known = set(paths)
    return [name for name in (*KINDS, *REQUIREMENTS) if name in known]


def find_lock(tree: Tree) -> tuple[Lock, tuple[Reason, ...]]:
    """The lock, and what to know of it.

    Raises ``AskedWrongly``: ``lock-missing``, ``lock-unreadable``.
    """
    found = candidates(tree.paths())
    if not found:
        return _read_declared(tree)
    path = found[0]
    lock, notes = _read(tree, path)
    beside = [Reason(f"not used: {path} is the lock", other) for other in found[1:]]
    if lock.kind == "requirements":
        beside = []  # requirements/base.txt is usually included by the others
    return lock, (*notes, *beside)


def _read_declared(tree: Tree) -> tuple[Lock, tuple[Reason, ...]]:
    path, lines = find_declared(tree)
    if not path:
        raise trouble.no_lock(*_instead(tree))
    packages = {one.name: "" for line in lines if (one := requirements.requirement(line))}
    words = f"asks for {counted(len(packages), 'package')}, no lock"
    note = "versions are chosen by uv and kept in .toque/locks; for a lock of your own: uv lock"
    lock = Lock(path, "declared", packages, False, False, Reason(words, path))
    return lock, (Reason(note, path),)


def _read(tree: Tree, path: str) -> tuple[Lock, tuple[Reason, ...]]:
    kind = kind_of(path)
    if kind == "requirements":
        return _read_requirements(tree, path)
    if kind == "uv":
        return _read_uv(tree, path), ()
    packages = converted(kind, tree.read(path) or b"", project=tree.read("pyproject.toml") or b"")
    hashed = all(p.hashes for p in packages) and bool(packages)
    versions = {p.name: p.version for p in packages}
    words = f"{counted(len(versions), 'package')}, pinned{' and hashed' if hashed else ''}"
    return Lock(path, kind, versions, True, hashed, Reason(words, path)), ()


def _read_requirements(tree: Tree, path: str) -> tuple[Lock, tuple[Reason, ...]]:
    lines = requirements.read(tree, path)
    loose = [r for r in lines if not r.version]
    hashed = bool(lines) and all(r.hashed for r in lines)
    packages = {r.name: r.version for r in lines}
    words = counted(len(packages), "package")
    words += ", pinned" if not loose else f", {len(loose)} of them not pinned"
    words += " and hashed" if hashed else ", no hashes"
    notes: tuple[Reason, ...] = ()
    if loose:
        example = loose[0]
        notes += (
            Reason(
                f"{example.name} may be another version at each build: {HINTS['requirements']}",
                example.path,
                example.line,
            ),
        )
    elif not hashed and lines:
        notes += (Reason("without hashes an index can send other files than yours", path),)
    lock = Lock(path, "requirements", packages, not loose, hashed, Reason(words, path))
    return lock, notes


def _read_uv(tree: Tree, path: str) -> Lock:
    """The packages of a uv.lock that its project needs to run; the export itself is uv's."""
    data = _toml(path, tree.read(path) or b"", "uv")
    entries = [p for p in data.get("package", ()) if isinstance(p, dict) and "name" in p]
    roots = [p for p in entries if {"virtual", "editable", "directory"} & set(p.get("source", {}))]
    names = _reached(
        {normal(str(p["name"])): p for p in entries},
        [normal(str(p["name"])) for p in roots],
        lambda p: [d["name"] for d in p.get("dependencies", ()) if isinstance(d, dict)],
    )
    own = {normal(str(p["name"])) for p in roots}
    versions = {
        normal(str(p["name"])): str(p.get("version", "")) for p in entries
        if normal(str(p["name"])) in names - own
    }  # fmt: skip
    words = f"{counted(len(versions), 'package')}, pinned and hashed"
    return Lock(path, "uv", versions, True, True, Reason(words, path))


def _instead(tree: Tree) -> tuple[str, str]:
    """What a project without a lock has, and what makes one of it."""
    paths = set(tree.paths())
    commit = " && git add -A && git commit -m 'Lock packages'"
    if "Pipfile" in paths:
        return "a Pipfile, but no Pipfile.lock", "pipenv lock" + commit
    if "pyproject.toml" in paths:
        return "a pyproject.toml that asks for no package", "uv add flask" + commit
    return "none of them", "uv init --bare && uv add flask (what the app needs)" + commit


# --- conversions --------------------------------------------------------------------------------


def converted(kind: LockKind, data: bytes, *, project: bytes = b"") -> list[Package]:
    """The packages that a poetry.lock, Pipfile.lock or pylock.toml installs for production.

    ``project`` is the pyproject.toml beside it.  Raises ``AskedWrongly("lock-unreadable")``.
    """
    readers: Mapping[str, Callable[[bytes, bytes], list[Package]]] = {
        "poetry": _poetry,
        "pipenv": _pipenv,
        "pylock": _pylock,
    }
    try:
        return sorted(readers[kind](data, project), key=lambda p: p.name)
    except AskedWrongly:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise trouble.bad_lock(
            _name_of(kind), f"{type(error).__name__}: {error}", HINTS[kind]
        ) from (error)


def as_requirements(packages: Sequence[Package], source: str) -> str:
    """The packages as a requirements file; with hashes only if all have them, as pip asks."""
    hashed = all(p.hashes for p in packages)
    lines = [f"# Made from {source} by Toque.\n"]
    for package in packages:
        extras = f"[{','.join(package.extras)}]" if package.extras else ""
        what = f" @ {package.direct}" if package.direct else f"=={package.version}"
        marker = f" ; {package.marker}" if package.marker else ""
        line = f"{package.name}{extras}{what}{marker}"
        hashes = package.hashes if hashed else ()
        lines.append(" \\\n    ".join([line, *(f"--hash={h}" for h in hashes)]) + "\n")
    return "".join(lines)


def _poetry(data: bytes, project: bytes) -> list[Package]:
    lock = _toml("poetry.lock", data, "poetry")
    entries = {normal(str(p["name"])): p for p in lock.get("package", ())}
    metadata = lock.get("metadata", {})
    old_files = metadata.get("files", {})  # Poetry before 1.3 kept all hashes at the end
    if any("groups" in p for p in entries.values()):
        wanted = {n for n, p in entries.items() if "main" in p.get("groups", ()) and not _extra(p)}
    else:
        wanted = _reached(
            entries, _poetry_asked(project, entries), lambda p: list(p.get("dependencies", {}))
        )
    found = []
    for name, entry in entries.items():
        if name not in wanted:
            continue
        files = entry.get("files") or old_files.get(entry["name"], ())
        source = entry.get("source", {})
        direct = ""
        if source.get("type") == "git":
            direct = f"git+{source['url']}@{source.get('resolved_reference', '')}"
        elif source.get("type") == "url":
            direct = str(source["url"])
        elif source.get("type") in ("directory", "file"):
            raise trouble.bad_lock(
                "poetry.lock", f"{name} is a folder of yours", "publish it, or use uv"
            )
        marker = entry.get("markers", "")
        if isinstance(marker, dict):  # one for each group
            marker = marker.get("main", "")
        hashes = tuple(str(f["hash"]) for f in files)
        found.append(Package(name, str(entry["version"]), hashes, str(marker), (), direct))
    return found


def _extra(entry: Mapping[str, Any]) -> bool:
    """Whether it is there only for an extra of the project, which nobody asks for."""
    marker = entry.get("markers", "")
    marker = marker.get("main", "") if isinstance(marker, dict) else str(marker)
    return bool(re.search(r"extra == ", str(marker)))


def _poetry_asked(project: bytes, entries: Mapping[str, Any]) -> list[str]:
    """What the project itself asks for, outside groups; all of the lock when it does not say."""
    table = _toml("pyproject.toml", project, "poetry")
    asked = dict(table.get("tool", {}).get("poetry", {}).get("dependencies", {}))
    names = [
        normal(name) for name, how in asked.items()
        if name.lower() != "python" and not (isinstance(how, dict) and how.get("optional"))
    ]  # fmt: skip
    for line in table.get("project", {}).get("dependencies", ()):
        one = requirements.requirement(str(line))
        names += [one.name] if one else []
    if names:
        return names
    return [n for n, p in entries.items() if p.get("category", "main") == "main"]


def _pipenv(data: bytes, project: bytes) -> list[Package]:
    found = []
    for name, entry in json.loads(data)["default"].items():
        direct = ""
        if "git" in entry:
            direct = f"git+{entry['git']}@{entry['ref']}"
        elif "path" in entry:
            raise trouble.bad_lock("Pipfile.lock", f"{name} is a folder of yours", "publish it")
        elif "file" in entry:
            direct = str(entry["file"])
        version = str(entry.get("version", "")).removeprefix("==")
        if not version and not direct:
            raise trouble.bad_lock("Pipfile.lock", f"{name} has no version", HINTS["pipenv"])
        found.append(
            Package(
                normal(name), version, tuple(str(h) for h in entry.get("hashes", ())),
                str(entry.get("markers", "")), tuple(entry.get("extras", ())), direct,
            )
        )  # fmt: skip
    return found


def _pylock(data: bytes, project: bytes) -> list[Package]:
    lock = _toml("pylock.toml", data, "pylock")
    found = []
    for entry in lock["packages"]:
        files = [*entry.get("wheels", ()), *([entry["sdist"]] if "sdist" in entry else [])]
        direct = ""
        if "archive" in entry:
            direct, files = str(entry["archive"]["url"]), [entry["archive"]]
        elif "vcs" in entry:
            direct = f"{entry['vcs']['type']}+{entry['vcs']['url']}@{entry['vcs']['commit-id']}"
        elif "directory" in entry:
            continue  # the project itself; its code is the checkout
        hashes = tuple(f"sha256:{f['hashes']['sha256']}" for f in files)
        marker = re.sub(r"\s*\bin dependency_groups\b", "", str(entry.get("marker", "")))
        found.append(
            Package(
                normal(entry["name"]), str(entry.get("version", "")), hashes, marker, (), direct
            )
        )
    return found


def _reached(
    entries: Mapping[str, Any], first: Sequence[str], needs: Callable[[Any], Sequence[str]]
) -> set[str]:
    """All names that ``first`` ones lead to."""
    seen: set[str] = set()
    waiting = [n for n in first if n in entries]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting += [normal(n) for n in needs(entries[name]) if normal(n) in entries]
    return seen


def _toml(path: str, data: bytes, kind: str) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise trouble.bad_lock(path, str(error), HINTS[kind]) from error


def _name_of(kind: LockKind) -> str:
    return next((name for name, of in KINDS.items() if of == kind), "requirements.txt")
