"""Cookbooks of another tool, read from a directory and written into another."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..chef.carried import Carried
from ..chef.carry import carry
from ..chef.repository import unread
from ..errors import AskedWrongly
from .newfiles import write_new

MOST_BYTES = 4 << 20  # of one file; a larger one is no recipe, and is listed by its name
_TOOLS = {".kitchen", ".bundle", "node_modules"}


def read_chef(directory: Path) -> Carried:
    """What a repository of Chef cookbooks is in Toque; writes nothing.

    Raises ``AskedWrongly("no-chef-cookbook")``.
    """
    files, closed = _files(directory)
    carried = carry(files, directory.resolve().name, closed)
    if not carried.cookbooks:
        raise AskedWrongly(
            "no-chef-cookbook",
            f"there is no Chef cookbook in {directory}",
            expected="a directory with metadata.rb or recipes/*.rb, or one that holds such",
            found="none"
            if directory.is_dir()
            else "a file"
            if directory.exists()
            else "nothing there",
            hint="name the directory of the repository, or of one cookbook",
        )
    return carried


def write_chef(carried: Carried, into: Path) -> None:
    """Write all files, or none when one of them is there.  Raises ``AskedWrongly``: ``file-there``,
    ``file-unwritable``."""
    write_new(into, dict(sorted(carried.files.items())), "toque import chef --to DIR")


def _files(directory: Path) -> tuple[Mapping[str, bytes], Mapping[str, str]]:
    """All files by their paths, and those that are not opened, with the reason."""
    found: dict[str, bytes] = {}
    closed: dict[str, str] = {}
    for folder, folders, names in os.walk(directory):
        for name in sorted(set(folders) & _TOOLS):
            closed[f"{Path(folder, name).relative_to(directory).as_posix()}/"] = "of a tool"
        folders[:] = sorted(set(folders) - _TOOLS - {".git"})
        for name in sorted([*names, *(one for one in folders if Path(folder, one).is_symlink())]):
            path = Path(folder, name)
            relative = path.relative_to(directory).as_posix()
            if unread(relative):
                closed[relative] = "not read: it may hold secrets"
            elif path.is_symlink() or not path.is_file():
                closed[relative] = "not read: no regular file"
            elif path.stat().st_size > MOST_BYTES:
                closed[relative] = f"not read: more than {MOST_BYTES >> 20} MiB"
            else:
                found[relative] = path.read_bytes()
    return found, closed
