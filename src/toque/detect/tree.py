"""The files of a project, however they are kept; and which of them are worth reading."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Protocol

LARGEST = 1 << 20  # bytes; what is larger was not written by a person (but may be a lock: x 8)
# Directories whose Python is not the app: what others wrote, what only tests or builds use.
PASSED_OVER = frozenset(
    ".git .hg .venv venv env .tox .nox node_modules site-packages __pycache__ build dist .toque"
    " test tests testing docs doc example examples samples benchmarks scripts .github".split()
)
_KEPT_NAMES = frozenset(
    (
        "Procfile Pipfile Pipfile.lock .python-version uv.lock requirements.in setup.cfg PKG-INFO"
    ).split()
)
_KEPT_ENDS = (".py", ".txt", ".toml", ".lock", ".ini", ".flaskenv")


class Tree(Protocol):
    """Files by their path, relative to the project and with slashes.  Links are no files."""

    def paths(self) -> Sequence[str]:
        """All files, sorted."""

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None when it is not there or too large to be read."""


class Files:
    """A tree that is a value: ``Files({"app.py": b"..."})``."""

    def __init__(self, files: Mapping[str, bytes | str]) -> None:
        self._files = {
            path: data.encode() if isinstance(data, str) else data for path, data in files.items()
        }

    def paths(self) -> Sequence[str]:
        return sorted(self._files)

    def read(self, path: str) -> bytes | None:
        return self._files.get(path)


class Below:
    """The part of a tree below ``folder``, as a tree of its own."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self._tree = tree
        self._start = f"{folder}/"

    def paths(self) -> Sequence[str]:
        return [p[len(self._start) :] for p in self._tree.paths() if p.startswith(self._start)]

    def read(self, path: str) -> bytes | None:
        return self._tree.read(self._start + path)


def text(tree: Tree, path: str) -> str | None:
    """A file as text; None when it is not there or not UTF-8."""
    data = tree.read(path)
    if data is None:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def worth_reading(path: str) -> bool:
    """Whether detection may ask for this file: trees far away can fetch all of these at once."""
    folders = path.split("/")[:-1]
    if any(folder in PASSED_OVER for folder in folders):
        return False
    return posixpath.basename(path) in _KEPT_NAMES or path.endswith(_KEPT_ENDS)


def largest(path: str) -> int:
    """Bytes beyond which a file is not read."""
    return LARGEST * 8 if path.endswith((".lock", ".txt", ".toml")) else LARGEST
