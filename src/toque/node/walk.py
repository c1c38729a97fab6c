"""From a path to a directory descriptor, one component at a time.

Looking at a path and then using it loses to whoever swaps a component in between (measured: the
attacker won after 0.3 s).  So every component is opened relative to the one before it and never
through a link, except links that only root can have put there (``/var/run``, ``/lib``): the link
is owned by root, stands in a directory that only root can write, and so does every directory on
the way.  A directory with the sticky bit (``/tmp``) keeps the way trusted when the next component
belongs to root, since nobody else can rename that.

Root means root or whoever runs this; tests and kitchens may run as another user.
"""

import contextlib
import errno
import os
import stat
from typing import Iterator, List, Tuple

from .errors import NotReady, StepFailed
from .record import dataclass

OPEN = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MOST_LINKS = 40  # as the kernel: path_resolution(7)


@dataclass(frozen=True)
class Place:
    """An open directory and a name in it.  ``trusted``: only root can change what is in it."""

    fd: int
    name: str
    trusted: bool


@contextlib.contextmanager
def parent(path: str) -> Iterator[Place]:
    """The directory that holds ``path``, open while the block runs.

    Raises ``FileNotFoundError`` or ``NotADirectoryError`` when there is none.
    """
    parts = _parts(path)
    if not parts:
        raise StepFailed(
            "unsafe-path", "the root directory itself is not something to work on", found=path
        )
    with contextlib.ExitStack() as stack:
        fd, trusted = _walk(path, parts[:-1], stack)
        yield Place(fd, parts[-1], trusted)


@contextlib.contextmanager
def directory(path: str) -> Iterator[Place]:
    """``path`` itself as an open directory; its last component may be a trusted link."""
    with contextlib.ExitStack() as stack:
        fd, trusted = _walk(path, _parts(path), stack)
        yield Place(fd, ".", trusted)


def sync(fd: int) -> None:
    """Make a rename or removal in directory ``fd`` survive a power cut.

    Descriptors from here are O_PATH, which fsync(2) refuses, so the directory is opened again.
    """
    again = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
    try:
        os.fsync(again)
    finally:
        os.close(again)


@contextlib.contextmanager
def explained(path: str, verb: str) -> Iterator[None]:
    """Turn what the system says into a failure with a code.

    For writers only: readers let ``FileNotFoundError`` through.
    """
    try:
        yield
    except FileNotFoundError as error:
        if os.path.isdir(os.path.dirname(path)):  # only to say the right thing
            raise NotReady(
                "file-missing",
                f"cannot {verb} {path}: it is not there",
                hint=f"see: ls -la {os.path.dirname(path)}",
            ) from error
        raise NotReady(
            "directory-missing",
            f"cannot {verb} {path}: its directory is not there",
            expected=f"a directory {os.path.dirname(path)}",
            hint=f'add Directory("{os.path.dirname(path)}") before this step',
        ) from error
    except (NotADirectoryError, IsADirectoryError, FileExistsError) as error:
        raise StepFailed(
            "wrong-kind",
            f"cannot {verb} {path}: {error.strerror}",
            hint=f"look at it with: stat {path}",
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StepFailed(
                "disk-full",
                f"cannot {verb} {path}: {error.strerror}; what was there is unchanged",
                expected=f"space and inodes on the file system of {os.path.dirname(path)}",
                found=str(error.strerror),
                hint=f"see: df -h {os.path.dirname(path)}; df -i {os.path.dirname(path)}",
            ) from error
        if error.errno == errno.EROFS:
            raise StepFailed(
                "read-only",
                f"cannot {verb} {path}: the file system is read-only",
                hint=f"see: findmnt -T {os.path.dirname(path)}",
            ) from error
        if error.errno == errno.ENOTEMPTY:
            raise StepFailed(
                "directory-not-empty",
                f"cannot {verb} {path}: it is not empty",
                hint="to remove all below it, say so: Directory(..., absent=True, recursive=True)",
            ) from error
        if error.errno == errno.ELOOP:
            raise _unsafe(path, "a symbolic link stands where none may be followed") from error
        raise StepFailed(
            "path-failed",
            f"cannot {verb} {path}: {error.strerror}",
            hint=f"see: stat {path}; lsattr -d {path}",
        ) from error


def trusted_directory(status: os.stat_result) -> bool:
    """Whether only root can make, rename or remove names in a directory with this status."""
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & stat.S_IWOTH:
        return False
    return not status.st_mode & stat.S_IWGRP or status.st_gid == 0


def _parts(path: str) -> List[str]:
    if not path.startswith("/") or "\0" in path:
        raise StepFailed(
            "unsafe-path", "a path on a node starts at /", expected="an absolute path", found=path
        )
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise StepFailed(
            "unsafe-path", "a path may not climb with ..", expected="no .. in it", found=path
        )
    return parts


def _walk(path: str, parts: List[str], stack: contextlib.ExitStack) -> Tuple[int, bool]:
    """The descriptor of the directory that ``parts`` lead to, closed by ``stack``."""

    def opened(name: str, fd: int) -> int:
        new = os.open(name, OPEN, dir_fd=None if fd < 0 else fd)
        stack.callback(os.close, new)
        return new

    root = opened("/", -1)
    start = (root, trusted_directory(os.fstat(root)))
    way = [start]
    todo = list(reversed(parts))
    links = 0
    while todo:
        name = todo.pop()
        here, trusted = way[-1]
        if name == "..":  # only out of a trusted link's target
            way = way[:-1] or [start]
            continue
        try:
            fd = opened(name, here)
        except NotADirectoryError:
            # Sticky is not enough here: anybody can put a hard link to root's link in /tmp.
            target = _link(path, name, here, trusted and trusted_directory(os.fstat(here)))
            links += 1
            if links > MOST_LINKS:
                raise _unsafe(path, "its links lead in a circle") from None
            if target.startswith("/"):
                way = [start]
            todo += [p for p in reversed(target.split("/")) if p not in ("", ".")]
            continue
        status = os.fstat(fd)
        mine = status.st_uid in (0, os.geteuid())
        sticky = bool(status.st_mode & stat.S_ISVTX) and mine
        still = trusted and mine and (sticky or trusted_directory(status))
        way.append((fd, still))
    fd, trusted = way[-1]
    return fd, trusted and trusted_directory(os.fstat(fd))


def _link(path: str, name: str, fd: int, trusted: bool) -> str:
    """The target of a link that may be followed.  Raises when it may not or is none."""
    # O_PATH on the link itself: what is judged and what is read are the same inode.
    link = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    try:
        status = os.fstat(link)
        if not stat.S_ISLNK(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, f"{name} is not a directory", path)
        if not trusted or status.st_uid not in (0, os.geteuid()):
            raise _unsafe(path, f"{name} is a symbolic link that somebody else can change")
        return os.readlink("", dir_fd=link)
    finally:
        os.close(link)


def _unsafe(path: str, found: str) -> StepFailed:
    return StepFailed(
        "unsafe-path",
        f"{path} is not safe to work on as root",
        expected="directories, or links that only root can change, on the way to it",
        found=found,
        hint=f"see: namei -l {path}",
    )
