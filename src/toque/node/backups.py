"""Earlier versions of files that were replaced, for whoever needs to look back.

``/var/lib/toque/backups/NAME/000001`` and up, where NAME is the path with ``/`` as ``%2F``: the
highest number is the newest.  Numbers and not times, so a clock that is wrong or set back never
makes the wrong one the oldest.  Root's alone (0600 in 0700), whatever the file was.
"""

import hashlib
import os
from typing import List

from .system import System

BACKUPS = "/var/lib/toque/backups"
LARGEST = 1 << 20  # bytes; what a person edits is smaller, and a program's package has its versions


def keep(system: System, path: str, most: int) -> None:
    """Keep what is at ``path`` now, and of all that are kept the newest ``most``.

    Nothing happens when there is no file, when it is larger than 1 MiB, or when the newest one
    kept is the same (as after a run that was killed before it replaced the file).
    """
    there = system.stat(path)
    if there is None or there.kind != "file" or there.size > LARGEST:
        return
    folder = folder_of(path)
    for directory in reversed(_missing(system, folder)):
        system.mkdir(directory, owner="root", group="root", mode=0o700)
    versions = kept(system, path)
    data = system.read(path)
    if not versions or system.read(f"{folder}/{versions[-1]}") != data:
        number = int(versions[-1]) + 1 if versions else 1
        versions.append(f"{number:06d}")
        system.write(f"{folder}/{versions[-1]}", data, mode=0o600)
    for old in versions[:-most]:
        system.remove(f"{folder}/{old}")


def kept(system: System, path: str) -> List[str]:
    """The names of the versions kept, oldest first."""
    return [name for name in system.names(folder_of(path)) if name.isdigit()]


def folder_of(path: str) -> str:
    """Where the earlier versions of ``path`` are."""
    name = path[1:].replace("%", "%25").replace("/", "%2F")
    if len(os.fsencode(name)) > 255:  # NAME_MAX
        name = hashlib.sha256(path.encode()).hexdigest()
    return f"{BACKUPS}/{name}"


def _missing(system: System, folder: str) -> List[str]:
    """``folder`` and those above it that are not there, the deepest first."""
    missing = []
    while system.stat(folder) is None:
        missing.append(folder)
        folder = os.path.dirname(folder)
    return missing
