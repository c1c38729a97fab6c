"""A disk that loses its power around the moment at which a run tells its report (DU-1).

    unshare --mount --propagation private python power_cut_told.py FOLDER

cuts before each call that a recorder makes, right after the report has reached the wire, and half
of the time after somebody else's fsync.  One JSON line a cut is printed: which recorder, whether
the report had been told, and what the record and the list of owed actions hold afterwards.

``BROKEN`` are recorders that tell too early; on them the harness has to see a loss.
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

from power_cut import CANNOT, NO_LOG_FLUSH, SHUTDOWN, Cut, mounted, run
from toque.node import journal
from toque.node.detach import Recorder
from toque.node.model import Action

RUN = "20260101T000000-abc123"
CALLS = ("write", "fsync", "rename", "open")
PAID, OWED = Action("service:paid", "restart"), Action("service:owed", "restart")
REPORT = {"type": "report", "report": {"run": RUN, "owed": [[OWED.target, OWED.verb]]}}


class TellsFirst(Recorder):
    """Tells, and records then."""

    def flush(self, *, last: bool = False) -> None:
        self._send(self._waiting)
        wire, self.wire = self.wire, None
        super().flush(last=last)
        self.wire = wire


class NeverSyncs(Recorder):
    """Takes what was written for what is on the disk."""

    def _record(self, data: bytes, last: bool) -> None:
        super()._record(data, False)


OURS: dict[str, type[Recorder]] = {"ours": Recorder}
BROKEN: dict[str, type[Recorder]] = {"tells first": TellsFirst, "never syncs": NeverSyncs}


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
    for name, recorder in {**OURS, **BROKEN}.items():
        for foreign in (False, True):
            for step in itertools.count():
                told, done = cut(image, disk, recorder, step, foreign)
                print(json.dumps([name, told, done, *after(image, disk)]), flush=True)
                if done:
                    break


def cut(
    image: Path, disk: Path, recorder: type[Recorder], step: int, foreign: bool
) -> tuple[bool, bool]:
    """Cut before the call of that number: was the report told, and had the run ended, before?"""
    mounted(image, disk)
    run("find", disk, "-mindepth", 1, "-not", "-name", "lost+found", "-delete")
    os.sync()
    top = os.open(disk, os.O_RDONLY)
    other = os.open(disk / "other", os.O_WRONLY | os.O_CREAT)
    reader, wire = os.pipe()
    real = {name: getattr(os, name) for name in CALLS}
    left = step
    opened: set[int] = set()

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
    with suppress(Cut):
        walk(disk, recorder, wire)
        done = True
    for name, call in real.items():
        setattr(os, name, call)
    fcntl.ioctl(top, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    for descriptor in opened:  # a recorder's is its own until its process ends
        with suppress(OSError):
            os.close(descriptor)
    os.close(wire)
    with open(reader, "rb") as pipe:
        told = pipe.read().endswith(json.dumps(REPORT).encode() + b"\n")
    os.close(other)
    os.close(top)
    run("umount", disk)
    return told, done


def walk(disk: Path, recorder: type[Recorder], wire: int) -> None:
    """What a run of two actions does with its state: one of them is performed, one is owed."""
    ledger = journal.DiskJournal(str(disk))
    directory = journal.run_directory(str(disk), RUN)
    tell = recorder(os.path.join(directory, "events.jsonl"), wire)
    tell({"type": "start", "run": RUN})
    ledger.owe((PAID, OWED))
    for number in range(30):
        tell({"type": "outcome", "outcome": {"step": f"file:/{number}", "status": "ok"}})
    ledger.settle((PAID,))
    tell(REPORT)


def after(image: Path, disk: Path) -> tuple[bool, bool]:
    """When the power is back: is the report whole in the record, and is owed what it said?"""
    mounted(image, disk)
    try:
        record = Path(journal.events_path(str(disk), RUN))
        lines = record.read_bytes().splitlines(keepends=True) if record.exists() else []
        whole = lines[-1:] == [json.dumps(REPORT).encode() + b"\n"] and len(lines) == 32
        return whole, journal.DiskJournal(str(disk)).owed() == (OWED,)
    finally:
        run("umount", disk)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
