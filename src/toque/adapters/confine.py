"""Taking everything away from this process before it runs code that nobody vouches for.

As root it becomes a user that owns nothing; else it goes into a user namespace.  It sees no
network, no other process, and of the file system Python, Toque and the cookbooks, read-only.
Sources: namespaces(7), user_namespaces(7), mount(2), capabilities(7), setrlimit(2).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Sequence

from . import syscalls

NOBODY = 65533  # no user of Debian: 65534 is "nobody", which other programs run as
NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (
    0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT = 1, 2, 4, 32
MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 4096, 8192, 16384, 1 << 18
ST_FLAGS = os.ST_NOEXEC | os.ST_NODEV | os.ST_NOSUID | os.ST_RELATIME | os.ST_NOATIME
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 1, 4, 38, 24
MEMORY = 1 << 30  # bytes of address space; compiling a thousand resources takes 60 MiB
OPEN_FILES = 256
LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")


class Unavailable(Exception):
    """This machine does not let a process be confined; the text is the system's."""


def separate() -> None:
    """Leave the network, the processes and the mounts of everybody else; the next fork is alone.

    Raises ``Unavailable``.
    """
    try:
        if os.geteuid() != 0:
            uid, gid = os.geteuid(), os.getegid()
            _call("unshare", NEWUSER)
            for file, text in (
                ("setgroups", "deny"),
                ("gid_map", f"0 {gid} 1"),
                ("uid_map", f"0 {uid} 1"),
            ):
                with open(f"/proc/self/{file}", "w", encoding="ascii") as mapping:
                    mapping.write(text)
        _call("unshare", NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET)
        _call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
    except OSError as error:
        raise Unavailable(str(error)) from error


def confine(scratch: str, readable: Sequence[str], *, cpu_s: int, root: bool) -> None:
    """For good: a root directory with ``readable`` alone, no rights, and limits.

    ``scratch`` is an empty directory to build the root directory on; ``root`` says whether this
    is root outside of all namespaces.  Raises ``Unavailable``.
    """
    try:
        _new_root(scratch, readable)
        null = os.open("/null", os.O_RDWR)
        for descriptor in (0, 2):
            os.dup2(null, descriptor)
        os.closerange(3, OPEN_FILES * 4)
        _limits(cpu_s)
        if root:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        _drop_capabilities()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # last: a change of user clears it
        syscalls.refuse()
        os.environ.clear()
        os.umask(0o077)
    except OSError as error:
        raise Unavailable(str(error)) from error


def python_paths() -> list[str]:
    """The directories that this Python and Toque are read from."""
    return [path for path in sys.path if os.path.isdir(path)]


def _new_root(scratch: str, readable: Sequence[str]) -> None:
    _call("mount", b"none", scratch.encode(), b"tmpfs", MS_NOSUID, b"size=1m,mode=755")
    null = os.open(f"{scratch}/null", os.O_WRONLY | os.O_CREAT, 0o666)
    os.close(null)
    _call("mount", b"/dev/null", f"{scratch}/null".encode(), None, MS_BIND, None)
    bound: list[str] = []
    for library in LIBRARIES:
        if os.path.islink(library):
            os.makedirs(os.path.dirname(scratch + library), exist_ok=True)
            os.symlink(os.readlink(library), scratch + library)
        elif os.path.isdir(library):
            _bind(scratch, library)
            bound.append(library)
    for path in sorted({os.path.realpath(path) for path in readable}):
        if not any(path == above or path.startswith(f"{above}/") for above in bound):
            _bind(scratch, path)
            bound.append(path)
    os.chdir(scratch)
    _call("mount", b".", b"/", None, MS_MOVE, None)
    os.chroot(".")
    os.chdir("/")
    _call("mount", None, b"/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, None)


def _bind(scratch: str, path: str) -> None:
    os.makedirs(scratch + path, exist_ok=True)
    target = (scratch + path).encode()
    _call("mount", path.encode(), target, None, MS_BIND, None)
    # Flags that the mount has already are kept: a user namespace may not take one away.
    kept = os.statvfs(path).f_flag & ST_FLAGS
    flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | _mount_flags(kept)
    _call("mount", None, target, None, flags, None)


def _mount_flags(kept: int) -> int:
    """statvfs's flags as mount(2) has them."""
    pairs = ((os.ST_NOEXEC, 8), (os.ST_NOATIME, 1024), (os.ST_RELATIME, 1 << 21))
    return sum(flag for bit, flag in pairs if kept & bit)


def _limits(cpu_s: int) -> None:
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(limit, (value, value))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def _drop_capabilities() -> None:
    """None left, and none to be had back by a program that is started."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            break  # no rights to drop them (a plain user has none), or no such capability
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    _call("capset", ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))


def prctl(option: int, value: int) -> None:
    _call("prctl", option, value, 0, 0, 0)


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
