"""The files of a project as detection reads them: at a commit, or as they lie in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from ..detect.tree import PASSED_OVER, largest, worth_reading
from .git import Repository, git

# Folders that tools fill, where there is no repository to say what is ignored.
TOOLS = frozenset(
    ".git .hg .svn .venv venv .tox .nox node_modules site-packages __pycache__ .toque"
    " .mypy_cache .ruff_cache .pytest_cache".split()
)
MOST = 20_000  # files of a folder; what comes after is not looked at


class CommitTree:
    """The files below the folder ``repository.prefix`` of one commit.

    All that detection may ask for is fetched at once, by two programs however many files.
    """

    def __init__(self, repository: Repository, commit: str) -> None:
        self._repository = repository
        self._commit = commit

    @cached_property
    def _entries(self) -> dict[str, tuple[str, int]]:
        return self._repository.files(self._commit, self._repository.prefix)

    @cached_property
    def _contents(self) -> dict[str, bytes]:
        wanted = {
            path: oid
            for path, (oid, size) in self._entries.items()
            if worth_reading(path) and size <= largest(path)
        }
        return dict(zip(wanted, self._repository.blobs([*wanted.values()])))

    def paths(self) -> Sequence[str]:
        return sorted(self._entries)

    def read(self, path: str) -> bytes | None:
        return self._contents.get(path)


def files_below(folder: Path) -> list[str]:
    """Every file and link below a folder: in a work tree of git those that git does not ignore,
    else those outside of the folders that tools fill."""
    listed = git(
        "-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard",
        check=False,
    )  # fmt: skip
    if listed.returncode == 0:
        names = {os.fsdecode(name).rstrip("/") for name in listed.stdout.split(b"\0") if name}
    else:
        names = set(_walked(folder))
    found: list[str] = []
    for name in names:
        path = folder / name
        if path.is_symlink() or path.is_file():  # git names removed ones, too
            found.append(name)
        elif path.is_dir():  # another repository, such as a submodule
            found += [f"{name}/{below}" for below in files_below(path)]
    return sorted(found)


def _walked(folder: Path) -> Iterator[str]:
    for top, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in TOOLS]
        links = [name for name in folders if os.path.islink(os.path.join(top, name))]
        yield from (os.path.relpath(os.path.join(top, name), folder) for name in (*files, *links))


class FolderTree:
    """The files below a folder.  Links are no files, as in a commit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _paths(self) -> list[str]:
        found: list[str] = []
        for top, folders, files in os.walk(self._folder):
            folders[:] = sorted(f for f in folders if f not in PASSED_OVER)
            for name in files:
                path = Path(top, name)
                if not path.is_symlink() and path.is_file():
                    found.append(path.relative_to(self._folder).as_posix())
            if len(found) > MOST:
                break
        return sorted(found)

    def paths(self) -> Sequence[str]:
        return self._paths

    def read(self, path: str) -> bytes | None:
        file = self._folder / path
        if path not in self._paths or file.stat().st_size > largest(path):
            return None
        return file.read_bytes()
