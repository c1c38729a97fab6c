"""Ending everything that a program has started, however it has hidden it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from .process import send, until

WITHIN_S = 10.0


def end_all(mark: str) -> None:
    """SIGKILL every process that has ``mark`` in its environment, and all of their children.

    A child that gave itself a session or another parent keeps the mark; one whose environment was
    emptied is found below its parent.
    """

    def gone() -> bool:
        left = marked(mark)
        for pid in left:
            send(pid, signal.SIGKILL)
        return not left

    until(gone, WITHIN_S)


def marked(mark: str) -> set[int]:
    """The processes of this host with the mark or below one that has it; never our own."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            words = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            if words[0] in "ZX":
                continue
            parents[int(entry)] = int(words[1])
            if mark.encode() in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                found.add(int(entry))
        except OSError:
            continue
    grown = True
    while grown:
        below = {pid for pid, parent in parents.items() if parent in found} - found
        found |= below
        grown = bool(below)
    return found - {os.getpid()}
