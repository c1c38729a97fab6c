"""Files, directories and links on this machine, worked on by directory descriptors only.

The last component of a path is never followed.  Resources come here through a ``System``.
"""

import contextlib
import errno
import os
import stat as modes
from typing import BinaryIO, Callable, Iterator, List, Optional, Tuple

from . import owners
from .errors import StepFailed
from .system import Data, Stat
from .walk import Place, directory, explained, parent, sync

CLOSED = os.O_NOFOLLOW | os.O_CLOEXEC
# A name no program's glob picks up (nginx, supervisor, sshd, apt, cron, sudo and Postgres all
# skip a leading dot), with the real name behind it for checks that look at the extension.
STAGED = ".toque-"
TOKEN = 16  # hex digits
EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2), since Linux 3.15 and glibc 2.28

KINDS = {modes.S_IFREG: "file", modes.S_IFDIR: "directory", modes.S_IFLNK: "link"}


def stat(path: str) -> Optional[Stat]:
    """What is at ``path`` itself, or None."""
    if path.strip("/") == "":
        return stat_of(os.lstat("/"), "", owners.Names())
    try:
        with parent(path) as place:
            return stat_in(place, owners.Names())
    except (FileNotFoundError, NotADirectoryError):
        return None


def stat_in(place: Place, names: owners.Names) -> Stat:
    """What has a name in an open directory.  Raises ``FileNotFoundError``."""
    status = os.stat(place.name, dir_fd=place.fd, follow_symlinks=False)
    if not modes.S_ISLNK(status.st_mode):
        return stat_of(status, "", names)
    # Opened as itself: what is told and the text that is read are the same inode's.
    link = os.open(place.name, os.O_PATH | CLOSED, dir_fd=place.fd)
    try:
        status = os.fstat(link)
        target = os.readlink("", dir_fd=link) if modes.S_ISLNK(status.st_mode) else ""
        return stat_of(status, target, names)
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


def lock_holder(path: str) -> str:
    """``name (process 12)`` of whoever holds a lock of fcntl(2) on a file, or ""."""
    import fcntl
    import struct

    flock = "hhqqi4x"  # struct flock: type, whence, start, length, process
    try:
        with parent(path) as place:
            fd = os.open(place.name, os.O_RDONLY | os.O_NONBLOCK | CLOSED, dir_fd=place.fd)
            try:
                asked = struct.pack(flock, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                answer = struct.unpack(flock, fcntl.fcntl(fd, fcntl.F_GETLK, asked))
            finally:
                os.close(fd)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    if answer[0] == fcntl.F_UNLCK:
        return ""
    try:
        with open(f"/proc/{answer[4]}/comm", encoding="utf-8", errors="replace") as file:
            return f"{file.read().strip()} (process {answer[4]})"
    except OSError:  # it has just ended, or lives in another container
        return f"process {answer[4]}"


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


def _regular(place: Place, path: str) -> Tuple[int, os.stat_result]:
    """A descriptor of a regular file and what fstat(2) says; ``path`` is for messages."""
    try:
        # O_NONBLOCK: a FIFO planted here must not hang the run.
        fd = os.open(place.name, os.O_RDONLY | os.O_NONBLOCK | CLOSED, dir_fd=place.fd)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO):
            raise
        raise _wrong_kind(path, "a file") from error
    status = os.fstat(fd)
    if not modes.S_ISREG(status.st_mode):
        os.close(fd)
        raise _wrong_kind(path, "a file")
    if status.st_nlink > 1 and not place.trusted:
        os.close(fd)
        raise _planted(path, status)  # what is read here may be shown, or copied beside it
    return fd, status


def names(path: str) -> List[str]:
    """Sorted names in a directory; empty when there is none."""
    try:
        with directory(path) as place:
            fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | CLOSED, dir_fd=place.fd)
            try:
                return sorted(os.listdir(fd))
            finally:
                os.close(fd)
    except FileNotFoundError:
        return []
    except NotADirectoryError as error:
        raise _wrong_kind(path, "a directory") from error


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
    with _listed(fd, staged) as made:
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
            aside = STAGED + os.urandom(TOKEN // 2).hex()
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
                    with _listed(place.fd, place.name) as top:
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
        with _listed(top, name) as fd:
            if os.fstat(fd).st_dev != device:
                raise StepFailed(
                    "unsafe-path",
                    f"{path} holds another file system and is not removed",
                    found=f"something is mounted at a directory called {name}",
                    hint=f"see: findmnt -R {path}",
                )
            for deeper in _clear(fd):
                up = STAGED + os.urandom(TOKEN // 2).hex()
                os.rename(deeper, up, src_dir_fd=fd, dst_dir_fd=top)
        os.rmdir(name, dir_fd=top)
    return bool(below)


def _clear(fd: int) -> List[str]:
    """Remove all but directories from an open directory; the names of those."""
    below = []
    with os.scandir(fd) as entries:
        listed = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in listed:
        if is_directory:
            below.append(name)
        else:
            os.unlink(name, dir_fd=fd)
    return below


@contextlib.contextmanager
def _listed(fd: int, name: str) -> Iterator[int]:
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | CLOSED, dir_fd=fd)
    try:
        yield inner
    finally:
        os.close(inner)


@contextlib.contextmanager
def _own(path: str) -> Iterator[int]:
    """A descriptor of a file or directory whose owner and mode may be changed."""
    with parent(path) as place:
        status = os.stat(place.name, dir_fd=place.fd, follow_symlinks=False)
        if not (modes.S_ISREG(status.st_mode) or modes.S_ISDIR(status.st_mode)):
            raise _wrong_kind(path, "a file or directory")
        fd = os.open(place.name, os.O_RDONLY | os.O_NONBLOCK | CLOSED, dir_fd=place.fd)
        try:
            status = os.fstat(fd)
            # A second name may be anybody's hard link to somebody else's file.
            planted = status.st_uid not in (0, os.geteuid()) or not place.trusted
            if modes.S_ISREG(status.st_mode) and status.st_nlink > 1 and planted:
                raise _planted(path, status)
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
    name = STAGED + os.urandom(TOKEN // 2).hex() + "-" + place.name
    if len(os.fsencode(name)) > 255:  # NAME_MAX
        name = name[: len(STAGED) + TOKEN] + os.path.splitext(place.name)[1][:32]
    return name


def _sweep(place: Place) -> None:
    """Remove what a killed run staged for this name; runs hold the node's lock."""
    with _listed(place.fd, ".") as fd:
        for name in os.listdir(fd):
            if name.startswith(STAGED) and name[len(STAGED) + TOKEN :] == "-" + place.name:
                for take in (os.unlink, os.rmdir):
                    with contextlib.suppress(OSError):
                        take(name, dir_fd=fd)


def stat_of(status: os.stat_result, target: str, names: owners.Names) -> Stat:
    return Stat(
        kind=KINDS.get(modes.S_IFMT(status.st_mode), "other"),
        owner=names.user(status.st_uid),
        group=names.group(status.st_gid),
        mode=modes.S_IMODE(status.st_mode),
        size=status.st_size,
        target=target,
        changed_ns=status.st_ctime_ns,
    )


def _planted(path: str, status: os.stat_result) -> StepFailed:
    return StepFailed(
        "unsafe-path",
        f"{path} has {status.st_nlink} names and may be somebody else's file",
        expected="one name (no hard links)",
        hint=f"see: find / -xdev -inum {status.st_ino}",
    )


def _wrong_kind(path: str, expected: str) -> StepFailed:
    there = stat(path)
    return StepFailed(
        "wrong-kind",
        f"{path} is not {expected}",
        expected=expected,
        found=there.kind if there else "nothing",
        hint=f"look at it with: stat {path}",
    )
