"""Processes of this host: starting tools, and telling one process from another with its pid."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import Failed
from . import detach


def tool(argv: Sequence[str], stdin: str = "", *, check: bool = True) -> str:
    """Run a program of this host to its end; returns what it printed."""
    done = subprocess.run(list(argv), input=stdin, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise Failed(
            "kitchen-tool-failed",
            f"{argv[0]} did not do its part",
            expected=f"`{' '.join(argv)}` to end with status 0",
            found=f"status {done.returncode}",
            log=(done.stderr or done.stdout).splitlines()[-10:],
        )
    return done.stdout


def detached(argv: Sequence[str], identity: Path, log: Path) -> None:
    """Start a program that outlives us; ``[pid, start time]`` is in ``identity`` on return."""
    tool([sys.executable, "-I", detach.__file__, str(identity), str(log), *argv])


def start_time(pid: int) -> int | None:
    """When a process began, in clock ticks since boot (field 22 of /proc/PID/stat); None if gone.

    A pid alone may have been given to another process since it was written down.
    """
    fields = _stat(pid)
    return int(fields[19]) if fields and fields[0] not in "ZX" else None


def stopped(pid: int) -> bool:
    """Whether a process has been stopped by a signal, and does nothing until it is continued."""
    return _stat(pid)[:1] == ["T"]


def _stat(pid: int) -> list[str]:
    """/proc/PID/stat from its third field, the state, on; nothing when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return []


def alive(identity: Sequence[int] | None) -> bool:
    """Whether the process ``(pid, start time)`` still runs."""
    return identity is not None and start_time(identity[0]) == identity[1]


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal; a process that is gone needs none."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def with_argument(word: str) -> list[int]:
    """Processes that have ``word`` among their arguments."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                arguments = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if os.fsencode(word) in arguments:
                found.append(int(entry))
    return found


def rooted_in(tree: Path) -> list[int]:
    """Processes whose root directory is ``tree`` or lies below it (sshd chroots once more)."""
    found = []
    inside = str(tree)
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                root = os.readlink(f"/proc/{entry}/root")
            except OSError:
                continue
            if root == inside or root.startswith(inside + "/"):
                found.append(int(entry))
    return found


def clear_out(tree: Path) -> None:
    """SIGKILL every process whose root directory is in the tree, until none is left."""

    def gone() -> bool:
        left = rooted_in(tree)
        for pid in left:
            send(pid, signal.SIGKILL)
        return not left

    until(gone, 10.0)


def until(condition: Callable[[], bool], seconds: float, pause_s: float = 0.01) -> bool:
    """Poll until the condition holds; False when the time is up first."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)
    return True
