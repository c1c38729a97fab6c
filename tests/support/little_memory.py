"""A machine with as little memory as a small rented one, and what became of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toque.kitchen import cgroups
from toque.kitchen.api import Kitchen
from toque.kitchen.machine import Machine

# Limit, peak and the file whose line "oom_kill N" counts: by cgroups(7), version 1 and 2.
FILES = (
    ("memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control", "-1"),
    ("memory.max", "memory.peak", "memory.events", "max"),
)


@dataclass
class Memory:
    """Bytes; ``peak`` includes what the kernel keeps of files as long as there is room."""

    limit: int
    peak: int = 0
    oom_kills: int = -1


@contextlib.contextmanager
def limited(kitchen: Kitchen, machine: Machine, limit: int) -> Iterator[Memory]:
    """All of a machine's processes share ``limit`` bytes while the block runs."""
    found = Memory(limit)
    if machine.driver != "nspawn":  # others have no group of their own
        yield found
        return
    groups = cgroups.groups(kitchen.store.tag, machine.name)
    group, files = _controller(groups)
    most, peak, events, none = files
    (group / most).write_text(str(limit))
    try:
        yield found
        found.limit = int((group / most).read_text())
        found.peak = int((group / peak).read_text())
        counts = dict(line.split() for line in (group / events).read_text().splitlines())
        found.oom_kills = int(counts["oom_kill"])
    finally:
        (group / most).write_text(none)


def _controller(groups: list[Path]) -> tuple[Path, tuple[str, str, str, str]]:
    for group in groups:
        for files in FILES:
            if (group / files[0]).exists():
                return group, files
    raise AssertionError(f"no memory controller among {groups}")
