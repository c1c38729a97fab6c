"""A disk that loses its power before any call that an act makes, and once when it is done.

The disk is an ext4 file system in a file, mounted where nobody else sees it: programs that import
this are started by the fixture ``power_cuts`` with mounts of their own.  What had not reached the
disk is gone after a cut, the journal's pages too.  Half of the cuts come after somebody else's
fsync, which takes a part of what is waiting along to the disk.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN
NO_LOG_FLUSH = 2
CANNOT = 77  # the status when no file system can be mounted
CALLS = ("write", "fsync", "rename", "symlink", "mkdir", "unlink", "fchmod", "fchown", "open")


class Cut(BaseException):
    """Where the power went."""


@dataclass(frozen=True)
class Disk:
    image: Path
    top: Path

    @classmethod
    def made(cls, folder: Path) -> Disk:
        """An empty one in ``folder``.  Ends the program with ``CANNOT`` where nothing mounts."""
        disk = cls(folder / "image", folder / "disk")
        disk.top.mkdir()
        with open(disk.image, "wb") as file:
            file.truncate(16 << 20)
        _run("mkfs.ext4", "-q", "-F", disk.image)
        try:
            with disk.powered():
                pass
        except subprocess.CalledProcessError:
            sys.exit(CANNOT)
        return disk

    @contextmanager
    def powered(self) -> Iterator[None]:
        _run("mount", "-o", "loop,commit=300", self.image, self.top)  # nothing is written by itself
        try:
            yield
        finally:
            _run("umount", self.top)

    def cuts(self, prepare: Callable[[], None], act: Callable[[], None]) -> Iterator[Cutting]:
        """Cut ``act`` off everywhere, each time on a disk as ``prepare`` leaves it."""
        for foreign in (False, True):
            for step in itertools.count():
                done = self._cut(prepare, act, step, foreign)
                yield Cutting(step, foreign, done)
                if done:
                    break

    def _cut(
        self, prepare: Callable[[], None], act: Callable[[], None], step: int, foreign: bool
    ) -> bool:
        """Cut before the call of that number; whether the act was done before."""
        with self.powered():
            _run("find", self.top, "-mindepth", 1, "-not", "-name", "lost+found", "-delete")
            prepare()
            top = os.open(self.top, os.O_RDONLY)
            other = os.open(self.top / "other", os.O_WRONLY | os.O_CREAT)
            os.sync()
            real = {name: getattr(os, name) for name in CALLS}
            opened: set[int] = set()
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
                    result = real[name](*args, **rest)
                    if name == "open":
                        opened.add(result)
                    return result

                return call

            for name in CALLS:
                setattr(os, name, watched(name))
            done = False
            with suppress(Cut):  # which every further call raises too: nothing is tidied up
                act()
                done = True
            for name, call in real.items():
                setattr(os, name, call)
            fcntl.ioctl(top, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
            for descriptor in (*opened, other, top):  # some are the act's until its process ends
                with suppress(OSError):
                    os.close(descriptor)
        return done


@dataclass(frozen=True)
class Cutting:
    """One cut: before which call, after whose fsync, and whether the act had ended before."""

    step: int
    foreign: bool
    done: bool


def _run(*argv: object) -> None:
    subprocess.run([str(word) for word in argv], check=True)
