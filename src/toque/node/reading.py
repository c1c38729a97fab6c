"""What is at a path, by directory descriptors only; its last component is never followed."""

import contextlib
import errno
import os
import stat as modes
from typing import BinaryIO, Iterator, List, Optional, Tuple

from . import owners
from .errors import StepFailed
from .system import Stat
from .walk import Place, directory, parent

CLOSED = os.O_NOFOLLOW | os.O_CLOEXEC
KINDS = {modes.S_IFREG: "file", modes.S_IFDIR: "directory", modes.S_IFLNK: "link"}


def stat(path: str) -> Optional[Stat]:
    """What is at ``path`` itself, or None."""
    if path.strip("/") == "":
        return _stat_of(os.lstat("/"), "", owners.Names())
    try:
        with parent(path) as place:
            return stat_in(place, owners.Names())
    except (FileNotFoundError, NotADirectoryError):
        return None


def stat_in(place: Place, names: owners.Names) -> Stat:
    """What has a name in an open directory.  Raises ``FileNotFoundError``."""
    status = os.stat(place.name, dir_fd=place.fd, follow_symlinks=False)
    if not modes.S_ISLNK(status.st_mode):
        return _stat_of(status, "", names)
    # Opened as itself: what is told and the text that is read are the same inode's.
    link = os.open(place.name, os.O_PATH | CLOSED, dir_fd=place.fd)
    try:
        status = os.fstat(link)
        target = os.readlink("", dir_fd=link) if modes.S_ISLNK(status.st_mode) else ""
        return _stat_of(status, target, names)
    finally:
        os.close(link)


def read(path: str) -> bytes:
    """The bytes of a regular file.  Raises ``FileNotFoundError``."""
    with parent(path) as place:
        return read_in(place, path)


def read_in(place: Place, path: str) -> bytes:
    """The bytes of a regular file in an open directory; ``path`` is for messages."""
    fd, status = _regular(place, path)
    try:
        parts: List[bytes] = []
        # Size 0 also means /proc, where whatever the first read leaves behind is lost (proc(5)).
        first = status.st_size + 1 if status.st_size else 1 << 16
        while part := os.read(fd, first if not parts else 1 << 16):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def opened(path: str, *, ours: bool = False) -> BinaryIO:
    """A regular file, open for reading.  Raises ``FileNotFoundError``.

    With ``ours`` it has to be one that nobody but root can change while it is read.
    """
    with parent(path) as place:
        fd, status = _regular(place, path)
    if ours and (status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022):
        os.close(fd)
        raise StepFailed(
            "unsafe-path",
            f"{path} can be changed by others while it is read",
            expected="a file of root that nobody else can write",
            hint=f"see: ls -l {path}",
        )
    return os.fdopen(fd, "rb")


def names(path: str) -> List[str]:
    """Sorted names in a directory; empty when there is none."""
    try:
        with directory(path) as place, listed(place.fd, ".") as fd:
            return sorted(os.listdir(fd))
    except FileNotFoundError:
        return []
    except NotADirectoryError as error:
        raise wrong_kind(path, "a directory") from error


@contextlib.contextmanager
def listed(fd: int, name: str) -> Iterator[int]:
    """A directory in an open one, open so that it can be listed and synced."""
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | CLOSED, dir_fd=fd)
    try:
        yield inner
    finally:
        os.close(inner)


def _regular(place: Place, path: str) -> Tuple[int, os.stat_result]:
    """A descriptor of a regular file and what fstat(2) says; ``path`` is for messages."""
    try:
        # O_NONBLOCK: a FIFO planted here must not hang the run.
        fd = os.open(place.name, os.O_RDONLY | os.O_NONBLOCK | CLOSED, dir_fd=place.fd)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO):
            raise
        raise wrong_kind(path, "a file") from error
    status = os.fstat(fd)
    if not modes.S_ISREG(status.st_mode):
        os.close(fd)
        raise wrong_kind(path, "a file")
    if status.st_nlink > 1 and not place.trusted:
        os.close(fd)
        raise hard_linked(path, status)  # what is read here may be shown, or copied beside it
    return fd, status


def _stat_of(status: os.stat_result, target: str, names: owners.Names) -> Stat:
    return Stat(
        kind=KINDS.get(modes.S_IFMT(status.st_mode), "other"),
        owner=names.user(status.st_uid),
        group=names.group(status.st_gid),
        mode=modes.S_IMODE(status.st_mode),
        size=status.st_size,
        target=target,
        changed_ns=status.st_ctime_ns,
    )


def hard_linked(path: str, status: os.stat_result) -> StepFailed:
    return StepFailed(
        "unsafe-path",
        f"{path} has {status.st_nlink} names and may be somebody else's file",
        expected="one name (no hard links)",
        hint=f"see: find / -xdev -inum {status.st_ino}",
    )


def wrong_kind(path: str, expected: str) -> StepFailed:
    there = stat(path)
    return StepFailed(
        "wrong-kind",
        f"{path} is not {expected}",
        expected=expected,
        found=there.kind if there else "nothing",
        hint=f"look at it with: stat {path}",
    )
