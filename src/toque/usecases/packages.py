"""What a release's environment is built from: the app's lock, and what is put beside it.

Only requirements files are installed as the repository has them.  Other locks become one here,
and an app server that no lock names is added, pinned, in a file of root's own on the node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import dirname, join, normpath

from ..detect import locks, requirements, servers
from ..errors import Failed
from ..fleet.app import App
from .site import Repository

Export = Callable[[Mapping[str, bytes]], bytes]


@dataclass(frozen=True)
class Packages:
    """``lock`` is all that decides about the environment, as bytes.

    ``beside`` is a requirements file for the node; ``whole`` when it stands for the lock itself.
    """

    lock: bytes
    beside: bytes = b""
    whole: bool = False


def packages_of(repository: Repository, app: App, commit: str, export: Export) -> Packages:
    """What ``app`` needs at ``commit``; ``export`` has uv write requirements from its files.

    Raises ``Failed``: ``app-root-missing``, ``lock-missing``, ``no-python``; ``AskedWrongly``:
    ``lock-unreadable``.
    """
    lock = _read(repository, app, commit)
    kind = locks.kind_of(app.lock)
    near = _AtCommit(repository, commit, join(app.root, dirname(app.lock)))
    name = app.lock.rpartition("/")[2]
    if kind == "requirements":
        included = requirements.texts(near, name)
        beside = servers.beside(app.server, "\n".join([*included.values()]))
        rest = b"".join(text.encode() for path, text in included.items() if path != name)
        return Packages(lock + rest + beside.encode(), beside.encode())
    project = near.read("pyproject.toml") or b""
    if kind == "uv":
        whole = export({"uv.lock": lock, "pyproject.toml": project}).decode()
    else:
        whole = locks.as_requirements(locks.converted(kind, lock, project=project), name)
    whole += servers.beside(app.server, whole)
    return Packages(whole.encode(), whole.encode(), whole=True)


@dataclass(frozen=True)
class _AtCommit:
    """The files below a folder at a commit, as detection reads them."""

    repository: Repository
    commit: str
    folder: str

    def paths(self) -> Sequence[str]:
        return self.repository.names(self.commit, self.folder)

    def read(self, path: str) -> bytes | None:
        return self.repository.read(self.commit, _at(self.folder, path))


def _read(repository: Repository, app: App, commit: str) -> bytes:
    names = repository.names(commit, app.root)
    if not names:
        raise Failed(
            "app-root-missing",
            f"commit {commit[:12]} has no folder {app.root!r}",
            expected=f"the folder that root of [apps.{app.name}] names",
            found=f"at the top: {', '.join(repository.names(commit, '.')[:12])}",
        )
    path = _at(app.root, app.lock)
    lock = repository.read(commit, path)
    if lock is None:
        below = _with_python(repository, app, commit, names)
        if below is None:
            raise Failed(
                "no-python",
                f"commit {commit[:12]} holds no Python app",
                expected="an app in Python and its lock"
                + ("" if app.root == "." else f" in {app.root!r}"),
                found=f"in that folder: {', '.join(names[:12])}",
                hint=f"look at repository, branch and root of [apps.{app.name}]",
            )
        raise Failed(
            "lock-missing",
            f"commit {commit[:12]} has no {path}",
            expected="a file that pins the app's Python packages",
            found=f"in that folder: {', '.join(names[:12])}",
            hint=f'root = "{below}" in [apps.{app.name}]: its lock is there'
            if below
            else "uv pip compile --generate-hashes requirements.in -o requirements.txt, commit it",
        )
    return lock


def _with_python(repository: Repository, app: App, commit: str, names: Sequence[str]) -> str | None:
    """Where Python may be, when a folder has no lock: a folder of it that has one, or nothing.

    None when neither the folder nor one right in it has any.
    """
    marks = (".py", "pyproject.toml", "requirements.in", "requirements.txt", ".lock")
    here = any(name.endswith(marks) for name in names)
    for name in names[:40]:
        below = _at(app.root, name)
        there = repository.names(commit, below)
        if "requirements.txt" in there:
            return below
        here = here or any(one.endswith(marks) for one in there)
    return "" if here else None


def _at(folder: str, path: str) -> str:
    """A path as git has it: from the top, without dots."""
    return normpath(join(folder, path))
