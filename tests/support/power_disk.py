"""A disk of a machine's own that loses its power: what had not reached it is gone.

It is an ext4 file system in a file, which writes nothing by itself while a test lasts.  The
kitchen's folder is on it, so that all that a machine writes is.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from power_cut import NO_LOG_FLUSH, SHUTDOWN
from toque.kitchen import api
from toque.kitchen.api import Kitchen
from toque.kitchen.drivers.overlay import unmount
from toque.kitchen.machine import Machine

SIZE = 6 << 30  # bytes at most; the file has holes


@dataclass(frozen=True)
class PowerDisk:
    image: Path
    top: Path

    @classmethod
    @contextmanager
    def made(cls, folder: Path) -> Iterator[PowerDisk]:
        """An empty one in ``folder``, mounted meanwhile; skips where nothing can be mounted."""
        disk = cls(folder / "image", folder / "disk")
        disk.top.mkdir()
        with open(disk.image, "wb") as file:
            file.truncate(SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(disk.image)], check=True)
        try:
            disk._mount()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no file system can be mounted here: {error.stderr.strip()}")
        try:
            yield disk
        finally:
            subprocess.run(["umount", str(disk.top)], check=True)
            disk.image.unlink()

    def cut(self, kitchen: Kitchen, machine: Machine) -> None:
        """All that runs in ``machine`` dies, and so does what waits to be written."""
        api.power_cut(kitchen, machine.name)
        top = os.open(self.top, os.O_RDONLY)
        try:
            fcntl.ioctl(top, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(top)
        unmount(machine.root)
        subprocess.run(["umount", str(self.top)], check=True)
        # Programs that were started meanwhile may have the dead file system among their mounts for
        # as long as they run, and the same file would be mounted as that.
        left = self.image.with_suffix(".left")
        subprocess.run(["cp", "--sparse=always", str(self.image), str(left)], check=True)
        left.replace(self.image)
        self._mount()

    def _mount(self) -> None:
        subprocess.run(
            ["mount", "-o", "loop,commit=300", str(self.image), str(self.top)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
