"""Builds that cannot starve what serves: what they get, and what their ends mean.  Pure.

Carried out by ``fenced.py`` and ``warden.py``.
"""

import json
import os
from typing import Any, Dict, List, Mapping, Optional

from .errors import StepFailed
from .record import dataclass
from .system import Result, no_room

TOLD = "toque-build "
WEIGHT = 20  # of the processor's and the disk's time when both want it; 100 is what serves
PROCESSES = 512  # threads count
LEAST_MB = 512  # enough to install a site's libraries
AFTER_S = 30.0  # for the warden to end what it watches


@dataclass(frozen=True)
class Fence:
    """``name`` says whose build it is; ``memory_mb`` is what it may use, 0 for half of the
    machine's."""

    name: str
    memory_mb: int = 0
    processes: int = PROCESSES


def memory(asked_mb: int, meminfo: str) -> int:
    """MiB for a build: what is asked for, else half of the machine's, but enough to install a
    site's libraries when that leaves a quarter.  Pure."""
    if asked_mb:
        return asked_mb
    words = meminfo.split("MemTotal:", 1)[-1].split()
    total = int(words[0]) >> 10 if words and words[0].isdigit() else 2 * LEAST_MB
    return max(total // 2, min(LEAST_MB, total * 3 // 4))


def words(fence: Fence, unit: str, memory_mb: int, timeout_s: float) -> List[str]:
    """The argument list that puts a program into a group of its own.  Pure."""
    properties = [
        f"MemoryMax={memory_mb}M", "MemorySwapMax=0", f"TasksMax={fence.processes + 1}",
        f"CPUWeight={WEIGHT}", f"IOWeight={WEIGHT}", f"RuntimeMaxSec={timeout_s + AFTER_S:g}",
    ]  # fmt: skip
    scope = ["systemd-run", "--scope", "--quiet", "--collect", f"--unit={unit}"]
    return [*scope, *(f"--property={p}" for p in properties), "--"]


def verdict(err: bytes) -> Optional[Dict[str, Any]]:
    """What the warden's last line says; None when it said nothing.  Pure."""
    _, found, line = err.rpartition(b"\n" + TOLD.encode())
    try:
        told = json.loads(line) if found else None
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def judged(
    result: Result, ended: Mapping[str, Any], memory_mb: int, timeout_s: float, cwd: str
) -> Optional[StepFailed]:
    """Why a build was ended, or failed by its limits; None for its own failures.  Pure."""
    name, log = os.path.basename(result.argv[0]), result.tail()
    forks = f", {ended['forks']} times for one process too many" if ended.get("forks") else ""
    if ended["why"] == "disk":
        return StepFailed(
            "disk-full",
            f"{name} was ended before it filled the disk",
            expected="a build that leaves room for what serves",
            found="hardly any room left",
            hint=f"see: df -h {cwd} /tmp; a smaller keep in toque.toml removes old releases",
            log=log,
        )
    if ended["why"]:
        return StepFailed(
            "command-timeout",
            f"{name} did not end in time",
            expected=f"an end within {timeout_s:g} s",
            found=f"it was still running and was killed{forks}",
            log=log,
        )
    if ended.get("oom") and result.code != 0:
        return StepFailed(
            "build-out-of-memory",
            f"{name} needs more memory than a build may use, and was killed",
            expected=f"a build in {memory_mb} MiB",
            found=f"{ended['oom']} of its processes killed for memory",
            hint="build_memory in toque.toml is its limit in MiB; packages that have wheels need "
            "no building",
            log=log,
        )
    return no_room(result) if result.code != 0 else None
