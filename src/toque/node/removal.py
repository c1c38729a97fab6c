"""Removing what is at a path, by directory descriptors only, and without following a link."""

import os
import stat as modes
from typing import List

from .errors import StepFailed
from .paths import hidden
from .reading import listed
from .walk import explained, parent, sync


def remove(path: str) -> None:
    """Remove a file, link or empty directory; nothing happens when it is not there."""
    with explained(path, "remove"):
        try:
            with parent(path) as place:
                status = os.stat(place.name, dir_fd=place.fd, follow_symlinks=False)
                if modes.S_ISDIR(status.st_mode):
                    os.rmdir(place.name, dir_fd=place.fd)
                else:
                    os.unlink(place.name, dir_fd=place.fd)
                sync(place.fd)
        except (FileNotFoundError, NotADirectoryError):
            return


def remove_tree(path: str) -> None:
    """Remove whatever is at ``path`` and below, without following links or leaving its disk.

    Directories found below are moved up beside each other and emptied one by one, so that no
    depth an app can make uses up descriptors or stack.
    """
    with explained(path, "remove"):
        try:
            with parent(path) as place:
                status = os.stat(place.name, dir_fd=place.fd, follow_symlinks=False)
                if modes.S_ISDIR(status.st_mode):
                    with listed(place.fd, place.name) as top:
                        while _flatten(path, top):
                            pass
                    os.rmdir(place.name, dir_fd=place.fd)
                else:
                    os.unlink(place.name, dir_fd=place.fd)
                sync(place.fd)
        except FileNotFoundError:
            return


def _flatten(path: str, top: int) -> bool:
    """Remove files in ``top``, and its directories after moving theirs up; whether any were."""
    device = os.fstat(top).st_dev
    below = _clear(top)
    for name in below:
        with listed(top, name) as fd:
            if os.fstat(fd).st_dev != device:
                raise StepFailed(
                    "unsafe-path",
                    f"{path} holds another file system and is not removed",
                    found=f"something is mounted at a directory called {name}",
                    hint=f"see: findmnt -R {path}",
                )
            for deeper in _clear(fd):
                os.rename(deeper, hidden(), src_dir_fd=fd, dst_dir_fd=top)
        os.rmdir(name, dir_fd=top)
    return bool(below)


def _clear(fd: int) -> List[str]:
    """Remove all but directories from an open directory; the names of those."""
    below = []
    with os.scandir(fd) as entries:
        there = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in there:
        if is_directory:
            below.append(name)
        else:
            os.unlink(name, dir_fd=fd)
    return below
