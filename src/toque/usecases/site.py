"""A project with its surroundings, as the use cases see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..cookbooks.lockfile import Lock
from ..fleet.app import App
from ..fleet.environment import Environment, environment_of
from ..fleet.node import Node
from ..fleet.project import Project
from ..fleet.secrets import SecretStore


class Repository(Protocol):
    """What can be read of an app's repository; ``prefix`` is the folder of it we are in."""

    @property
    def prefix(self) -> str: ...

    def resolve(self, ref: str) -> str: ...

    def read(self, commit: str, path: str) -> bytes | None: ...

    def read_all(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes | None]: ...

    def names(self, commit: str, path: str) -> list[str]: ...

    def containing(self, commit: str, words: Sequence[str]) -> list[str]: ...

    def subject(self, commit: str) -> str: ...


class LocalRepository(Repository, Protocol):
    """One on this machine, from which commits are sent to nodes."""

    def bundle(self, commit: str, target: Path, known: Sequence[str] = ()) -> None: ...


@dataclass(frozen=True)
class Site:
    """A project with its surroundings; ``state`` is its private directory.

    ``export`` has uv write requirements from a uv.lock and its pyproject.toml, by their names;
    ``resolve`` has it choose versions for an app's list of packages (``uvresolve.py``);
    ``reach`` tells the address of a node for other nodes, and its port for visitors, 0 when that is
    the usual one; ``apart`` has a job done by a process that sees the given folders and no others,
    one of them to import packages from; ``packages`` tells the folder with those of a lock.
    """

    project: Project
    store: SecretStore
    state: Path
    open_repository: Callable[[str], LocalRepository]
    uv: Callable[[], Path]
    export: Callable[[Mapping[str, bytes]], bytes]
    resolve: Callable[[str, str, str, str], bytes]
    by: str
    apart: Callable[[bytes, Sequence[Path], Path | None], bytes]
    packages: Callable[[Lock], Path]
    reach: Callable[[Node], tuple[str, int]]

    def environment(self, app: App) -> Environment:
        """All variables of ``app``, secrets made on first use.  Raises ``AskedWrongly``."""
        at = self.project.spot / "apps" / app.name
        return environment_of(app, self.store, directory=self.project.directory, at=at)
