"""A disk that loses its power at every step of a write, and what is on it afterwards (NO-1).

    unshare --mount --propagation private python power_cut.py FOLDER

makes an ext4 file system in a file of FOLDER, mounts it there where nobody else sees it, and cuts
it off before each call that an operation makes, and once when the operation is done: what had not
reached the disk is gone, the journal's pages too.  Half of the cuts come after somebody else's
fsync, which takes a part of what is waiting along to the disk.  One JSON line a cut is printed.

``BROKEN`` are operations as they are often written; on them the harness has to see a loss.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from toque.node import journal, paths

SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN
NO_LOG_FLUSH = 2
CANNOT = 77  # the status when no file system can be mounted
CALLS = ("write", "fsync", "rename", "symlink", "mkdir", "unlink", "fchmod", "fchown", "open")
OLD, NEW = b"old\n" * 25_000, b"new!\n" * 30_000


class Cut(BaseException):
    """Where the power went."""


def in_place(path: str) -> None:
    Path(path).write_bytes(NEW)


def without_fsync(path: str) -> None:
    Path(f"{path}.new").write_bytes(NEW)
    os.rename(f"{path}.new", path)


def without_directory(path: str) -> None:
    with open(f"{path}.new", "wb") as file:
        file.write(NEW)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.new", path)


Operation = Callable[[str], None]
OURS: dict[str, Operation] = {
    "a file": lambda path: paths.write(path, NEW),
    "a file of another": lambda path: paths.write(path, NEW, owner="nobody", mode=0o600),
    "a record": lambda path: journal.durable(path, NEW.decode()),
    "a link": lambda path: paths.link(path, "new"),
}
BROKEN: dict[str, Operation] = {
    "in place": in_place,
    "without fsync": without_fsync,
    "without the directory": without_directory,
}


def main(folder: Path) -> None:
    image, disk = folder / "image", folder / "disk"
    disk.mkdir()
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    run("mkfs.ext4", "-q", "-F", image)
    try:
        mounted(image, disk)
    except subprocess.CalledProcessError:
        sys.exit(CANNOT)
    run("umount", disk)
    for name, operation in {**OURS, **BROKEN}.items():
        for foreign in (False, True):
            for step in itertools.count():
                done = cut(image, disk, operation, step, foreign)
                found = after(image, disk)
                print(json.dumps([name, step, foreign, done, found]), flush=True)
                if done:
                    break


def run(*argv: object) -> None:
    subprocess.run([str(word) for word in argv], check=True)


def mounted(image: Path, disk: Path) -> None:
    run("mount", "-o", "loop,commit=300", image, disk)  # nothing is written by itself


def cut(image: Path, disk: Path, operation: Operation, step: int, foreign: bool) -> bool:
    """Cut before the call of that number; whether the operation was done before."""
    mounted(image, disk)
    path = disk / "there"
    for name in os.listdir(disk):
        if name != "lost+found":
            os.unlink(disk / name)
    if operation is OURS["a link"]:
        path.symlink_to("old")
    else:
        path.write_bytes(OLD)
    top = os.open(disk, os.O_RDONLY)
    other = os.open(disk / "other", os.O_WRONLY | os.O_CREAT)
    os.sync()
    real = {name: getattr(os, name) for name in CALLS}
    left = step

    def watched(name: str) -> Callable[..., object]:
        def call(*args: object, **rest: object) -> object:
            nonlocal left
            if foreign:
                real["write"](other, b"x")
                real["fsync"](other)
            if not left:
                raise Cut
            left -= 1
            return real[name](*args, **rest)

        return call

    for name in CALLS:
        setattr(os, name, watched(name))
    done = False
    with suppress(Cut):  # which every further call raises too: nothing is tidied up
        operation(str(path))
        done = True
    for name, call in real.items():
        setattr(os, name, call)
    fcntl.ioctl(top, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    os.close(other)
    os.close(top)
    run("umount", disk)
    return done


def after(image: Path, disk: Path) -> str:
    """What stands there when the power is back: old, new, or anything else."""
    mounted(image, disk)
    path = disk / "there"
    try:
        if path.is_symlink():
            return os.readlink(path)
        found = path.read_bytes() if path.exists() else b""
        return {OLD: "old", NEW: "new"}.get(found, f"{len(found)} bytes")
    finally:
        run("umount", disk)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
