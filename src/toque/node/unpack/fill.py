"""Writes judged members into a directory, by descriptors of it and of what was made in it."""

import contextlib
import os
from typing import Iterable, List, Tuple

from .. import owners
from ..errors import StepFailed
from ..walk import OPEN, directory, explained
from .members import DIRECTORY, LINK, Member

LATEST = 1 << 33  # the year 2242; some file systems keep no later one
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def fill(path: str, members: Iterable[Member], *, owner: str, group: str) -> None:
    """Make ``members`` in the empty directory ``path``, which nobody else may enter meanwhile.

    Directories get mode 0755, files 0644 or 0755 and the time that the archive tells; nothing
    else is taken over.
    """
    ids = owners.ids(owner, group)
    with explained(path, "fill"), directory(path) as place, contextlib.ExitStack() as stack:
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place.fd)
        stack.callback(os.close, fd)
        status = os.fstat(fd)
        if status.st_uid != os.geteuid() or status.st_mode & 0o077 or os.listdir(fd):
            raise StepFailed("unsafe-path", f"{path} is not empty, or others can enter it")
        way = _Way(fd)
        stack.callback(way.leave)
        for member in members:
            above, _, name = member.name.rpartition("/")
            _make(way.to(above), name, member, ids)


class _Way:
    """The directories on the way to where was written last, open; most members are neighbours."""

    def __init__(self, top: int) -> None:
        self._top = top
        self._names: List[str] = []
        self._fds: List[int] = []

    def to(self, path: str) -> int:
        """The descriptor of a directory below the top; no component is ever a link."""
        parts = path.split("/") if path else []
        same = 0
        while same < min(len(parts), len(self._names)) and parts[same] == self._names[same]:
            same += 1
        self.leave(same)
        for name in parts[same:]:
            self._fds.append(os.open(name, OPEN, dir_fd=self._here()))
            self._names.append(name)
        return self._here()

    def leave(self, count: int = 0) -> None:
        """Close all but the first ``count``."""
        for fd in self._fds[count:]:
            os.close(fd)
        del self._fds[count:], self._names[count:]

    def _here(self) -> int:
        return self._fds[-1] if self._fds else self._top


def _make(at: int, name: str, member: Member, ids: Tuple[int, int]) -> None:
    if member.kind == LINK:
        os.symlink(member.target, name, dir_fd=at)
        os.chown(name, *ids, dir_fd=at, follow_symlinks=False)
    elif member.kind == DIRECTORY:
        os.mkdir(name, 0o700, dir_fd=at)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, dir_fd=at)
        try:
            os.fchown(fd, *ids)
            os.fchmod(fd, 0o755)
        finally:
            os.close(fd)
    else:
        with os.fdopen(os.open(name, NEW, 0o600, dir_fd=at), "wb") as file:
            os.fchown(file.fileno(), *ids)
            for part in member.data:
                file.write(part)
            file.flush()
            if 0 < member.modified < LATEST:
                os.utime(file.fileno(), (member.modified, member.modified))
            os.fchmod(file.fileno(), 0o755 if member.executable else 0o644)
