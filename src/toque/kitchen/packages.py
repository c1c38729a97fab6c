"""Packages that machines downloaded before, so that the next converge does not download again.

A machine is given the archive's files as a read-only layer or as copies, and what it downloaded
is taken back when it is destroyed.  apt checks sizes and hashes against its own signed lists.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from .state import Store

ARCHIVES = "var/cache/apt/archives"


def archive(store: Store, release: str) -> Path:
    return store.cache / "apt" / release


def layer(store: Store, release: str, folder: Path) -> Path:
    """A tree with the archive's files under apt's own path, hard-linked: it is only ever read."""
    inside = folder / ARCHIVES
    inside.mkdir(parents=True, exist_ok=True)
    _share(archive(store, release), inside, os.link)
    return folder


def copy(store: Store, release: str, root: Path) -> None:
    """Put copies of the archive's files where the machine's apt looks."""
    _share(archive(store, release), root / ARCHIVES, shutil.copyfile)


def take_back(store: Store, release: str, tree: Path) -> None:
    """Keep what a machine downloaded.  Its tree may hold anything: links are not followed."""
    place = archive(store, release)
    try:
        entries = [e for e in os.scandir(tree / ARCHIVES) if e.name.endswith(".deb")]
    except OSError:
        return
    for entry in entries:
        target = place / entry.name
        if entry.is_file(follow_symlinks=False) and not target.exists():
            place.mkdir(parents=True, exist_ok=True)
            staged = place / f".{entry.name}.{os.getpid()}"
            with contextlib.suppress(OSError):
                handle = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW)
                with open(handle, "rb") as source, open(staged, "wb") as file:
                    shutil.copyfileobj(source, file)
                staged.replace(target)


def _share(place: Path, inside: Path, how: Callable[[str, Path], object]) -> None:
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(place):
            if entry.name.endswith(".deb") and not entry.name.startswith("."):
                target = inside / entry.name
                if not target.exists():
                    try:
                        how(entry.path, target)
                    except OSError:
                        shutil.copyfile(entry.path, target)
