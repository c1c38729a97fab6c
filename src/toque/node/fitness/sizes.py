"""Whether an app fits into the memory that is left beside the one that serves.  Pure."""

from typing import Iterator, Mapping

from ..finding import REFUSE, WARN, Finding
from .served import Served

SHARED = 0.3  # of a preloaded worker's own memory that it copies by and by: counts of references


def memory_findings(memory: Mapping[str, int], served: Served) -> Iterator[Finding]:
    """All sizes in KiB.  Nothing is said where the kernel did not say how much is free."""
    if not served.free_kb or "resident" not in memory:
        return
    need = needed(memory, served)
    if need <= served.free_kb:
        return
    certain = need > served.free_kb + served.swap_kb
    yield Finding(
        "memory-short",
        REFUSE if certain else WARN,
        f"{served.processes} processes need about {_mb(need)} right after the import, and "
        f"{_mb(served.free_kb)} are free beside the release that serves"
        + ("" if certain else "; the rest would be swapped"),
        (
            f"one process: {_mb(memory['resident'])}, {_mb(memory.get('own', 0))} of it its own",
            f"free: {_mb(served.free_kb)}, swap: {_mb(served.swap_kb)}",
        ),
        help=f"processes = {_fitting(memory, served)} under [apps.{served.app}], or a larger "
        "machine",
    )


def needed(memory: Mapping[str, int], served: Served) -> int:
    """What the first process takes, and each other one of its own."""
    own = memory.get("own", memory["resident"])
    each = own * SHARED if served.preload else own
    return int(memory["resident"] + each * (served.processes - 1))


def _fitting(memory: Mapping[str, int], served: Served) -> int:
    each = max(1, memory.get("own", memory["resident"]))
    return max(1, int((served.free_kb - memory["resident"]) // each) + 1)


def _mb(kilobytes: float) -> str:
    return f"{kilobytes / 1024:.0f} MB"
