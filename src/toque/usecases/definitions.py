"""What a run is made from: the project's cookbooks, their lock, and this Toque.

Each plan and each report carries it, so that a node tells which definitions it last ran.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..cookbooks.lockfile import Lock, check_fresh, read_lock
from ..cookbooks.manifest import Manifest, check_toque, closure, foreign
from ..cookbooks.sources import Source, manifests_of, source_of, sources_of
from ..fleet.project import Project
from .site import Site

# What may lie in a package that is a whole repository, and says nothing of what its recipes do.
_BESIDE = (("pyproject.toml",), ("toque.lock",), ("toque.toml",))


@dataclass(frozen=True)
class Definitions:
    """``sources`` is where cookbooks are, ``packages`` the folder with what they need and
    ``apart`` whether they are compiled in a process of their own.  ``manifests`` say what they are
    for.

    ``made_from`` tells two of them apart: ``toque``, ``cookbooks`` (a digest of their files) and,
    with dependencies, ``lock`` (``lockfile.Lock.identity``).
    """

    sources: tuple[Source, ...]
    packages: Path | None
    apart: bool
    made_from: Mapping[str, str]
    manifests: tuple[Manifest, ...]


def definitions(site: Site) -> Definitions:
    """What a run of now would be made from.

    Only with dependencies a lock is asked for, and only when its packages are not there yet is a
    program started.  Raises ``BadCookbook``, and what ``locked`` raises.
    """
    project = site.project
    manifests = manifests_in(project)
    lock = locked(project, manifests)
    packages = site.packages(lock) if lock is not None else None
    sources = sources_in_project(project, manifests)
    apart = project.apart or packages is not None
    return Definitions(sources, packages, apart, _identities(sources, lock), manifests)


def made_from_now(project: Project) -> Mapping[str, str]:
    """The same identities, for who runs nothing: no package is fetched."""
    manifests = manifests_in(project)
    return _identities(sources_in_project(project, manifests), locked(project, manifests))


def stale(now: Mapping[str, str], told: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """The events that a node last ran with other definitions than those of now, and which.  Pure.

    ``told`` has what each event was made from; an older Toque told nothing, and nothing is said.
    """
    found = {}
    for event, then in told.items():
        keys = [key for key in ("lock", "cookbooks", "toque") if then.get(key) != now.get(key)]
        if then and keys:
            found[event] = [
                f"{key} {then.get(key) or 'none'}, here {now.get(key) or 'none'}" for key in keys
            ]
    return found


def locked(project: Project, manifests: Sequence[Manifest]) -> Lock | None:
    """The lock that runs use; None for cookbooks without dependencies.

    Raises ``AskedWrongly``: ``cookbooks-not-locked``, ``lock-stale``.
    """
    if not foreign(manifests):
        return None
    return check_fresh(read_lock(project.directory), manifests)


def _identities(sources: Sequence[Source], lock: Lock | None) -> dict[str, str]:
    made_from = {"toque": __version__, "cookbooks": content_of(sources)}
    return made_from if lock is None else {**made_from, "lock": lock.identity}


def manifests_in(project: Project) -> tuple[Manifest, ...]:
    """The manifests of a project's cookbooks, and of what they name by path."""
    manifests = closure(manifests_of(project.cookbooks))
    check_toque(manifests, __version__)
    return manifests


def sources_in_project(project: Project, manifests: Iterable[Manifest]) -> tuple[Source, ...]:
    """Where the cookbooks of a project are, and the libraries that they name by path."""
    own = sources_of(project.cookbooks)
    named = [source_of(one) for one in manifests]
    known = {(one.base, package) for one in own for package in one.packages}
    more = [s for s in named if s.library or not known.issuperset((s.base, p) for p in s.packages)]
    return (*own, *more)


def content_of(sources: Iterable[Source]) -> str:
    """Twelve digits of a digest of the cookbooks' files, wherever they lie."""
    found = hashlib.sha256()
    folders = sorted((folder.name, folder) for one in sources for folder in one.folders)
    for _, folder in folders:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder.parent)
            hidden = any(part[0] == "." or part == "__pycache__" for part in name.parts[1:])
            if not hidden and name.parts[1:] not in _BESIDE and path.is_file():
                data = path.read_bytes()
                found.update(f"{name}\0{len(data)}\0".encode("utf-8", "surrogateescape"))
                found.update(data)
    return found.hexdigest()[:12]
