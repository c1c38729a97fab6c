"""Reading many paths in few directories: the way to a directory is walked once.

Only directories that nobody but root can change, on the way and themselves, are kept open; all
others are walked to each time.  A kept one is used while its path still leads to it, unchanged:
then nobody but root can have moved anything in between, and root is not who the walk guards
against.  Writers never come here, and whatever may change the machine calls ``forget``.
"""

import os
from typing import Dict, Optional, Set, Tuple

from . import owners, reading
from .system import Stat
from .walk import Place, parent

MOST = 64  # open directories
Identity = Tuple[int, int, int, int, int]


class Look:
    """Reads of one run between two changes."""

    def __init__(self) -> None:
        self._kept: Dict[str, Tuple[int, Identity]] = {}
        self._open_to_others: Set[str] = {""}
        self._names = owners.Names()
        self._at: Optional[Tuple[str, Place]] = None  # where the last one that was looked at is

    def __del__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Something may change: walk, and ask for names, anew."""
        for fd, _ in self._kept.values():
            os.close(fd)
        self._kept = {}
        self._open_to_others = {""}
        self._names = owners.Names()
        self._at = None

    def stat(self, path: str) -> Optional[Stat]:
        """As ``reading.stat``."""
        place = self._place(path)
        if place is None:
            return reading.stat(path)
        self._at = (path, place)
        try:
            return reading.stat_in(place, self._names)
        except FileNotFoundError:
            return None

    def read(self, path: str) -> bytes:
        """As ``reading.read``."""
        at, self._at = self._at, None
        place = at[1] if at is not None and at[0] == path else self._place(path)
        return reading.read(path) if place is None else reading.read_in(place, path)

    def _place(self, path: str) -> Optional[Place]:
        """The kept directory of ``path``, or None: walk."""
        folder, _, name = path.rpartition("/")
        if folder in self._open_to_others or name in ("", ".", "..") or "/." in folder:
            return None
        try:
            now = _identity(os.stat(folder))
            kept = self._kept.get(folder)
            if kept is not None and kept[1] == now:
                return Place(kept[0], name, True)
            if kept is not None or len(self._kept) >= MOST:
                self.forget()
            with parent(path) as place:
                if not place.trusted:
                    self._open_to_others.add(folder)
                    return None
                self._kept[folder] = (os.dup(place.fd), _identity(os.fstat(place.fd)))
                return Place(self._kept[folder][0], name, True)
        except OSError:  # whoever walks says what is wrong
            return None


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino, status.st_mode, status.st_uid, status.st_gid
