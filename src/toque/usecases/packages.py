"""What a release's environment is built from: the app's lock, and what is put beside it.

Only requirements files are installed as the repository has them.  Other locks become one here,
and an app server that no lock names is added, pinned, in a file of root's own on the node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath

from ..detect import locks, requirements, servers
from ..detect.declared import declared, oldest_python
from ..detect.own import own_metadata
from ..detect.tree import Tree
from ..errors import Failed
from ..fleet.app import App
from .site import Repository

Export = Callable[[Mapping[str, bytes]], bytes]
Resolve = Callable[[str, str, str], bytes]


@dataclass(frozen=True)
class Packages:
    """``lock`` is all that decides about the environment, as bytes.

    ``beside`` is a requirements file for the node; ``whole`` when it stands for the lock itself.
    ``own`` is what tells the environment the project's own name (``detect/own.py``).
    """

    lock: bytes
    beside: bytes = b""
    whole: bool = False
    own: Mapping[str, str] = field(default_factory=dict)


def packages_of(
    repository: Repository, app: App, commit: str, export: Export, resolve: Resolve
) -> Packages:
    """What ``app`` needs at ``commit``; ``export`` has uv write requirements from its files.

    ``resolve`` gives versions for the lines of a project without a lock, which stand in the file
    that is its second argument, for each Python from its third on.
    Raises ``Failed``: ``app-root-missing``, ``lock-missing``, ``no-python``; ``AskedWrongly``:
    ``lock-unreadable``, ``lock-unresolvable``.
    """
    kind = locks.kind_of(app.lock)
    folder, name = join(app.root, dirname(app.lock)), app.lock.rpartition("/")[2]
    wanted = [_at(folder, path) for path in dict.fromkeys((name, "pyproject.toml", "PKG-INFO"))]
    near = _AtCommit(repository, commit, folder, repository.read_all(commit, wanted))
    lock = near.read(name)
    if lock is None:
        raise _without_lock(repository, app, commit)
    if kind == "requirements":
        included = requirements.texts(near, name)
        beside = servers.beside(app.server, "\n".join([*included.values()]))
        rest = b"".join(text.encode() for path, text in included.items() if path != name)
        return _packages(lock + rest + beside.encode(), beside, near)
    project = near.read("pyproject.toml") or b""
    if kind == "uv":
        whole = export({"uv.lock": lock, "pyproject.toml": project}).decode()
    elif kind == "declared":
        lines = declared(name, lock.decode("utf-8", "replace"))
        asked = "".join(f"{line}\n" for line in lines)
        whole = resolve(asked, name, oldest_python(near)).decode()
    else:
        whole = locks.as_requirements(locks.converted(kind, lock, project=project), name)
    whole += servers.beside(app.server, whole)
    return _packages(whole.encode(), whole, near, whole=True)


def _packages(lock: bytes, beside: str, tree: Tree, *, whole: bool = False) -> Packages:
    """``lock`` with the project's own name, which is in the environment too."""
    own = own_metadata(tree)
    return Packages(lock + "".join(own.values()).encode(), beside.encode(), whole, own)


@dataclass(frozen=True)
class _AtCommit:
    """The files below a folder at a commit, as detection reads them; some are ``known``."""

    repository: Repository
    commit: str
    folder: str
    known: Mapping[str, bytes | None]

    def paths(self) -> Sequence[str]:
        return self.repository.names(self.commit, self.folder)

    def read(self, path: str) -> bytes | None:
        path = _at(self.folder, path)
        return self.known[path] if path in self.known else self.repository.read(self.commit, path)


def _without_lock(repository: Repository, app: App, commit: str) -> Failed:
    """Why the lock of an app is not where it should be."""
    names = repository.names(commit, app.root)
    if not names:
        return Failed(
            "app-root-missing",
            f"commit {commit[:12]} has no folder {app.root!r}",
            expected=f"the folder that root of [apps.{app.name}] names",
            found=f"at the top: {', '.join(repository.names(commit, '.')[:12])}",
            hint=f"git ls-tree --name-only {commit[:12]}",
        )
    below = _with_python(repository, app, commit, names)
    if below is None:
        return Failed(
            "no-python",
            f"commit {commit[:12]} holds no Python app",
            expected="an app in Python and its lock"
            + ("" if app.root == "." else f" in {app.root!r}"),
            found=f"in that folder: {', '.join(names[:12])}",
            hint=f"look at repository, branch and root of [apps.{app.name}]",
        )
    return Failed(
        "lock-missing",
        f"commit {commit[:12]} has no {_at(app.root, app.lock)}",
        expected="a file that pins the app's Python packages",
        found=f"in that folder: {', '.join(names[:12])}",
        hint=f'root = "{below}" in [apps.{app.name}]: its lock is there'
        if below
        else "uv pip compile --generate-hashes requirements.in -o requirements.txt, commit it",
    )


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
