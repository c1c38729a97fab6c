"""A machine's own control groups, on hosts with version 1, version 2 or both.

Without them all machines share one group: foreign processes show up in each other's
``systemctl status``, and there is nothing to kill at once.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterable
from pathlib import Path

from .process import send, until

WANTED = ("memory", "cpu", "pids", "name=systemd")


def hierarchies(mountinfo: str, *, all_of_them: bool = False) -> list[Path]:
    """Mount points of the hierarchies that a machine needs, from /proc/self/mountinfo text."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _source, options = (after.split(" ", 2) + ["", ""])[:3]
        place = Path(re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), before.split(" ")[4]))
        if kind == "cgroup2" or (
            kind == "cgroup" and (all_of_them or any(name in WANTED for name in options.split(",")))
        ):
            found.append(place)
    return list(dict.fromkeys(found))


def groups(tag: str, name: str, *, all_hierarchies: bool = False) -> list[Path]:
    """The machine's group in each hierarchy that it needs, or in all; they need not exist."""
    text = Path("/proc/self/mountinfo").read_text()
    tops = hierarchies(text, all_of_them=all_hierarchies)
    return [top / f"toque-kitchen-{tag}" / name for top in tops]


def names(tag: str) -> set[str]:
    """Machines of a kitchen that have groups, whether they are on record or not."""
    found: set[str] = set()
    for top in groups(tag, ""):
        if top.is_dir():
            found |= {entry.name for entry in top.iterdir() if entry.is_dir()}
    return found


def make(paths: Iterable[Path]) -> None:
    for path in paths:
        path.mkdir(parents=True, exist_ok=True)


def members(paths: Iterable[Path]) -> set[int]:
    """Every process in the subtrees."""
    found: set[int] = set()
    for top in paths:
        for folder, _names, _files in os.walk(top):
            try:
                found |= {int(p) for p in Path(folder, "cgroup.procs").read_text().split()}
            except OSError:
                continue
    found.discard(0)
    return found


def cut(paths: Iterable[Path]) -> bool:
    """Kill everything at once; True when nothing is left."""
    all_paths = list(paths)
    for path in all_paths:
        try:
            (path / "cgroup.kill").write_text("1")  # version 2, Linux 5.14: truly at once
        except OSError:
            continue

    def gone() -> bool:
        left = members(all_paths)
        for pid in left:
            send(pid, signal.SIGKILL)
        return not left

    return until(gone, 10.0)


def remove(paths: Iterable[Path]) -> None:
    """Remove the groups of a machine that is dead, and the kitchen's own when it was the last."""
    for top in paths:
        for folder, _names, _files in os.walk(top, topdown=False):
            _gone(Path(folder))
        try:
            top.parent.rmdir()
        except OSError:
            pass


def _gone(folder: Path) -> None:
    def removed() -> bool:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError:  # a killed process is still being reaped
            return False
        return True

    until(removed, 2.0)
