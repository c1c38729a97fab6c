"""Files, directories and links, made and changed by directory descriptors only.

The last component of a path is never followed.  What is at a path is told by ``reading.py``;
``removal.py`` removes it.
"""

import contextlib
import errno
import os
import stat as modes
from typing import Callable, Iterator, Optional, Tuple

from . import owners
from .errors import StepFailed
from .reading import CLOSED, hard_linked, listed, wrong_kind
from .system import Data
from .walk import Place, explained, parent, sync

# A name no program's glob picks up (nginx, supervisor, sshd, apt, cron, sudo and Postgres all
# skip a leading dot), with the real name behind it for checks that look at the extension.
STAGED = ".toque-"
TOKEN = 16  # hex digits
EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2), since Linux 3.15 and glibc 2.28


def write(
    path: str,
    data: Data,
    *,
    owner: str = "root",
    group: str = "root",
    mode: int = 0o644,
    accept: Optional[Callable[[str], None]] = None,
) -> None:
    """Put ``data`` (bytes, or parts of them as they come) at ``path`` at once or not at all.

    ``accept`` gets the path of the staged copy and raises to refuse it.  When this returns, the
    new text survives a power cut; when it raises, the old text is there and nothing else is.
    """
    ids = owners.ids(owner, group)
    with explained(path, "write"), parent(path) as place:
        if accept is not None and not place.trusted:
            # The check would run on a name that somebody else can swap meanwhile.
            raise StepFailed(
                "unsafe-path",
                f"{path} cannot be checked before it is put in place",
                expected="a directory that only root can write",
                found=f"{os.path.dirname(path)} can be changed by others",
            )
        _sweep(place)
        with _staged(place) as staged:
            _fill(place.fd, staged, data, ids, mode)
            if accept is not None:
                accept(os.path.join(os.path.dirname(path), staged))
            os.rename(staged, place.name, src_dir_fd=place.fd, dst_dir_fd=place.fd)
        sync(place.fd)


def mkdir(path: str, *, owner: str, group: str, mode: int) -> None:
    """Make one directory, which appears with its final owner and mode or not at all.

    One that a parent's declaration does not manage would keep for ever what a kill left it with.
    """
    ids = owners.ids(owner, group)
    with explained(path, "make"), parent(path) as place:
        _sweep(place)
        staged = _staged_name(place)
        os.mkdir(staged, 0o700, dir_fd=place.fd)
        try:
            _furnish(path, place.fd, staged, ids, mode)
            with contextlib.suppress(FileNotFoundError):  # rename would replace an empty directory
                os.stat(place.name, dir_fd=place.fd, follow_symlinks=False)
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
            os.rename(staged, place.name, src_dir_fd=place.fd, dst_dir_fd=place.fd)
        except BaseException:
            with contextlib.suppress(OSError):
                os.rmdir(staged, dir_fd=place.fd)
            raise
        sync(place.fd)


def _furnish(path: str, fd: int, staged: str, ids: Tuple[int, int], mode: int) -> None:
    """Give a directory that was just made its owner and mode."""
    with listed(fd, staged) as made:
        status = os.fstat(made)
        # Where others can write, they may have put another directory in its place by now.
        if status.st_uid != os.geteuid() or status.st_mode & 0o77 or os.listdir(made):
            raise StepFailed("unsafe-path", f"{path} was replaced while it was being made")
        os.fchown(made, *ids)
        os.fchmod(made, mode)
        os.fsync(made)


def chown(path: str, owner: Optional[str], group: Optional[str]) -> None:
    """Change owner, group or both.  Clears set-id bits, as the kernel does."""
    uid, gid = owners.ids(owner, group)
    with explained(path, "change the owner of"), _own(path) as fd:
        os.fchown(fd, uid, gid)


def chmod(path: str, mode: int) -> None:
    with explained(path, "change the mode of"), _own(path) as fd:
        os.fchmod(fd, mode)


def link(path: str, target: str) -> None:
    """Make ``path`` a symbolic link, over whatever file or link is there."""
    with explained(path, "link"), parent(path) as place:
        _sweep(place)
        with _staged(place) as staged:
            os.symlink(target, staged, dir_fd=place.fd)
            os.rename(staged, place.name, src_dir_fd=place.fd, dst_dir_fd=place.fd)
        sync(place.fd)


def exchange(one: str, other: str) -> None:
    """Swap two directories or files at once: at no moment is one of the paths without anything.

    Where a file system cannot (NFS), the first is for a moment not there.
    """
    import ctypes  # only who swaps pays for it

    libc = ctypes.CDLL(None, use_errno=True)
    with explained(other, f"exchange {one} with"), parent(one) as a, parent(other) as b:
        names = os.fsencode(a.name), os.fsencode(b.name)
        if libc.renameat2(a.fd, names[0], b.fd, names[1], EXCHANGE) != 0:
            number = ctypes.get_errno()
            if number not in (errno.EINVAL, errno.ENOSYS):
                raise OSError(number, os.strerror(number))
            aside = hidden()
            os.rename(b.name, aside, src_dir_fd=b.fd, dst_dir_fd=b.fd)
            os.rename(a.name, b.name, src_dir_fd=a.fd, dst_dir_fd=b.fd)
            os.rename(aside, a.name, src_dir_fd=b.fd, dst_dir_fd=a.fd)
        sync(b.fd)
        sync(a.fd)


def rename(old: str, new: str) -> None:
    with explained(new, f"rename {old} to"), parent(old) as source, parent(new) as goal:
        os.rename(source.name, goal.name, src_dir_fd=source.fd, dst_dir_fd=goal.fd)
        sync(goal.fd)
        sync(source.fd)


@contextlib.contextmanager
def _own(path: str) -> Iterator[int]:
    """A descriptor of a file or directory whose owner and mode may be changed."""
    with parent(path) as place:
        status = os.stat(place.name, dir_fd=place.fd, follow_symlinks=False)
        if not (modes.S_ISREG(status.st_mode) or modes.S_ISDIR(status.st_mode)):
            raise wrong_kind(path, "a file or directory")
        fd = os.open(place.name, os.O_RDONLY | os.O_NONBLOCK | CLOSED, dir_fd=place.fd)
        try:
            status = os.fstat(fd)
            # A second name may be anybody's hard link to somebody else's file.
            planted = status.st_uid not in (0, os.geteuid()) or not place.trusted
            if modes.S_ISREG(status.st_mode) and status.st_nlink > 1 and planted:
                raise hard_linked(path, status)
            yield fd
        finally:
            os.close(fd)


def _fill(fd: int, staged: str, data: Data, ids: Tuple[int, int], mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | CLOSED
    with os.fdopen(os.open(staged, flags, 0o600, dir_fd=fd), "wb") as file:
        os.fchown(file.fileno(), *ids)
        if not mode & 0o077:
            os.fchmod(file.fileno(), mode)
        for part in (data,) if isinstance(data, bytes) else data:
            file.write(part)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def hidden() -> str:
    """A name that nobody can guess, for what is about to be in place or gone."""
    return STAGED + os.urandom(TOKEN // 2).hex()


@contextlib.contextmanager
def _staged(place: Place) -> Iterator[str]:
    """A name nobody can guess; whatever still has it at the end is removed."""
    name = _staged_name(place)
    try:
        yield name
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=place.fd)


def _staged_name(place: Place) -> str:
    name = hidden() + "-" + place.name
    if len(os.fsencode(name)) > 255:  # NAME_MAX
        name = name[: len(STAGED) + TOKEN] + os.path.splitext(place.name)[1][:32]
    return name


def _sweep(place: Place) -> None:
    """Remove what a killed run staged for this name; runs hold the node's lock."""
    with listed(place.fd, ".") as fd:
        for name in os.listdir(fd):
            if name.startswith(STAGED) and name[len(STAGED) + TOKEN :] == "-" + place.name:
                for take in (os.unlink, os.rmdir):
                    with contextlib.suppress(OSError):
                        take(name, dir_fd=fd)
