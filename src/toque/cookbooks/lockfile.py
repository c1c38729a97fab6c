"""``toque.lock``: the versions that all cookbooks of a repository get, and why.

It names no index, no folder and no time: the same dependencies make the same text wherever the
cookbooks lie and whoever makes it.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import AskedWrongly
from .manifest import Manifest, named, normal

FILE = "toque.lock"
VERSION = 1
HEAD = """\
# Made by `toque lock` from the pyproject.toml of each cookbook; keep it under version control.
# Change it by `toque lock` (what the cookbooks ask for) or `toque update NAME` (a newer version).
"""


@dataclass(frozen=True)
class Package:
    """One version of a distribution.  From an index it has the ``hashes`` of its files, from a
    repository ``git``, the ``commit``, and the ``ref`` that was asked for; ``needed_by`` are the
    names of distributions and cookbooks; ``marker`` says on which systems, all when it is empty."""

    name: str
    version: str = ""
    marker: str = ""
    git: str = ""
    ref: str = ""
    commit: str = ""
    subdirectory: str = ""
    needed_by: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()

    @property
    def requirement(self) -> str:
        """The line that installs exactly this, without its hashes."""
        marker = f" ; {self.marker}" if self.marker else ""
        if self.git:
            folder = f"#subdirectory={self.subdirectory}" if self.subdirectory else ""
            return f"{self.name} @ git+{self.git}@{self.commit}{folder}{marker}"
        return f"{self.name}=={self.version}{marker}"

    @property
    def state(self) -> str:
        """Its version, or the beginning of its commit."""
        return self.version or self.commit[:12]


@dataclass(frozen=True)
class Cookbook:
    """A distribution of the repository itself: what it asked for when the lock was made."""

    name: str
    version: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vendor:
    """Packages that lie in the project: in the ``folder`` beside the lock, whose ``SHA256SUMS``
    have the ``digest``.  They were put there for the ``lock`` of that identity, and for one
    ``system``, any when it is empty."""

    folder: str
    digest: str
    lock: str
    system: str = ""


@dataclass(frozen=True)
class Lock:
    cookbooks: tuple[Cookbook, ...] = ()
    packages: tuple[Package, ...] = ()
    vendor: Vendor | None = None

    @property
    def identity(self) -> str:
        """What tells two locks apart: twelve digits of a digest of what they choose."""
        chosen = {key: value for key, value in asdict(self).items() if key != "vendor"}
        data = json.dumps(chosen, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(data.encode()).hexdigest()[:12]

    def package(self, name: str) -> Package | None:
        return next((one for one in self.packages if one.name == normal(name)), None)


def asked_by(manifests: Sequence[Manifest]) -> tuple[Cookbook, ...]:
    """What a lock of these cookbooks has to be for."""
    return tuple(
        sorted((Cookbook(one.name, one.version, one.said()) for one in manifests), key=_name)
    )


def render(lock: Lock) -> str:
    """The text of a lock, which ``parse`` reads."""
    lines = [HEAD, f"version = {VERSION}\n"]
    if lock.vendor is not None:
        pairs = [(key, value) for key, value in asdict(lock.vendor).items() if value]
        lines += ["\n[vendor]\n", *(f"{key} = {_text(value)}\n" for key, value in pairs)]
    for heading, entries in (("cookbook", lock.cookbooks), ("package", lock.packages)):
        for entry in entries:
            lines.append(f"\n[[{heading}]]\n")
            for one in fields(entry):
                value = getattr(entry, one.name)
                if not value:
                    continue
                if isinstance(value, tuple):
                    inner = "".join(f"  {_text(item)},\n" for item in value)
                    lines.append(f"{one.name} = [\n{inner}]\n")
                else:
                    lines.append(f"{one.name} = {_text(value)}\n")
    return "".join(lines)


def read_lock(folder: Path) -> Lock | None:
    """The lock in ``folder``; None where there is none.  Raises ``AskedWrongly``."""
    file = folder / FILE
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file, str(error)) from error
    return parse(text, str(file))


def parse(text: str, place: str = FILE) -> Lock:
    """The lock that a text is.  Raises ``AskedWrongly``: ``toque-lock-unreadable``,
    ``lock-too-new``."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _unreadable(place, str(error)) from error
    version = data.get("version")
    if isinstance(version, int) and version > VERSION:
        raise AskedWrongly(
            "lock-too-new",
            f"{FILE} was made by a newer Toque",
            expected=f"version = {VERSION}",
            found=f"version = {version}",
            hint="uv tool upgrade toque",
            place=place,
        )
    if version != VERSION:
        raise _unreadable(place, f"version = {version!r}")
    return Lock(
        tuple(_entry(Cookbook, one, place) for one in _list(data, "cookbook", place)),
        tuple(_entry(Package, one, place) for one in _list(data, "package", place)),
        _vendor(data["vendor"], place) if "vendor" in data else None,
    )


def check_fresh(lock: Lock | None, manifests: Sequence[Manifest]) -> Lock:
    """The lock, if it is for what the cookbooks ask for today.

    Raises ``AskedWrongly``: ``cookbooks-not-locked``, ``lock-stale``.
    """
    wanted = asked_by(manifests)
    if lock is None:
        asking = next(one for one in wanted if one.needs)
        raise AskedWrongly(
            "cookbooks-not-locked",
            f"cookbooks have dependencies, and there is no {FILE}",
            expected=f"a {FILE} that says which versions are used",
            found=f"{asking.name} needs {', '.join(asking.needs)}",
            hint="toque lock, and commit the file",
        )
    if lock.cookbooks == wanted:
        return lock
    raise AskedWrongly(
        "lock-stale",
        f"{FILE} is not for what the cookbooks ask for now",
        expected=f"the {FILE} of these cookbooks",
        found="; ".join(_changes(lock.cookbooks, wanted)),
        hint="toque lock, and commit the file",
        place=FILE,
    )


def _changes(before: Sequence[Cookbook], now: Sequence[Cookbook]) -> list[str]:
    old, new = {one.name: one for one in before}, {one.name: one for one in now}
    words = [f"{name} is new" for name in sorted(new.keys() - old.keys())]
    words += [f"{name} is gone" for name in sorted(old.keys() - new.keys())]
    for name in sorted(new.keys() & old.keys()):
        added = sorted(set(new[name].needs) - set(old[name].needs))
        removed = sorted(set(old[name].needs) - set(new[name].needs))
        words += [f"{name} now asks for {need}" for need in added]
        words += [f"{name} no longer asks for {need}" for need in removed]
        if new[name].version != old[name].version:
            words.append(f"{name} is {new[name].version}, was {old[name].version}")
    return words


def ways(lock: Lock, name: str) -> list[tuple[str, ...]]:
    """Each way by which a package came in, a cookbook first."""
    local = {one.name for one in lock.cookbooks}
    done: list[tuple[str, ...]] = []
    waiting: list[tuple[str, ...]] = [(normal(name),)]
    while waiting:
        way = waiting.pop(0)
        if way[0] in local:
            done.append(way)
            continue
        package = lock.package(way[0])
        waiting += [(by, *way) for by in (package.needed_by if package else ()) if by not in way]
    return done


def asking(lock: Lock, cookbook: str, name: str) -> str:
    """The words in which a cookbook asks for a package."""
    for one in lock.cookbooks:
        for need in one.needs if one.name == cookbook else ():
            if named(need) == normal(name):
                return need
    return name


def _name(one: Cookbook) -> str:
    return one.name


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _list(data: Mapping[str, Any], key: str, place: str) -> list[Mapping[str, Any]]:
    found = data.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise _unreadable(place, f"{key} is no list of tables")
    return found


def _vendor(data: object, place: str) -> Vendor:
    wanted = {one.name for one in fields(Vendor)}
    known = isinstance(data, dict) and wanted - {"system"} <= data.keys() <= wanted
    if (
        not isinstance(data, dict)
        or not known
        or not all(isinstance(v, str) for v in data.values())
    ):
        raise _unreadable(place, f"vendor = {data!r}"[:200])
    if not is_inside(data["folder"]):
        raise _unreadable(place, f"a vendor folder {data['folder']!r}"[:200])
    return Vendor(**data)


def is_inside(folder: str) -> bool:
    """Whether a path is a folder below where it starts, and none that is kept out of sight."""
    parts = folder.split("/")
    return all(parts) and not any(part in ("..", ".", ".git", ".toque") for part in parts)


def _entry(kind: Any, data: Mapping[str, Any], place: str) -> Any:
    known = {one.name: one for one in fields(kind)}
    given: dict[str, Any] = {}
    for key, value in data.items():
        if key not in known:
            raise _unreadable(place, f"an entry with {key!r}")
        several = known[key].type.startswith("tuple")
        texts = value if several and isinstance(value, list) else [value]
        if several != isinstance(value, list) or not all(isinstance(t, str) for t in texts):
            raise _unreadable(place, f"{key} = {value!r}"[:200])
        given[key] = tuple(value) if several else value
    if not given.get("name") or (kind is Package and not _pinned(given)):
        raise _unreadable(place, f"an entry that pins nothing: {given!r}"[:200])
    return kind(**given)


def _pinned(given: Mapping[str, Any]) -> bool:
    """A version with hashes, or a commit: nothing else is one content for ever."""
    commit = str(given.get("commit", ""))
    if given.get("git"):
        return len(commit) >= 40 and all(c in "0123456789abcdef" for c in commit)
    return bool(given.get("version")) and bool(given.get("hashes"))


def _unreadable(place: Path | str, found: str) -> AskedWrongly:
    return AskedWrongly(
        "toque-lock-unreadable",
        f"{FILE} cannot be read",
        expected="what toque lock has written",
        found=found,
        hint="take back the change: git checkout toque.lock; or toque lock makes it anew",
        place=str(place),
    )
