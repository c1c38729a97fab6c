"""The processes of a machine, as /proc tells them."""

from dataclasses import dataclass
from typing import List

from .system import System

LONGEST = 100  # characters of a command line that are shown


@dataclass(frozen=True)
class Process:
    pid: int
    command: str  # the arguments, joined with spaces and cut; only to be shown


def processes_of(system: System, uid: int) -> List[Process]:
    """Those with any of their four user ids this one, lowest pid first."""
    found = []
    for pid in sorted(int(name) for name in system.names("/proc") if name.isdigit()):
        try:
            status = system.read(f"/proc/{pid}/status").decode("utf-8", "replace")
            words = system.read(f"/proc/{pid}/cmdline").decode("utf-8", "replace")
        except OSError:
            continue  # it ended meanwhile
        lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        if str(uid) in lines.get("Uid", "").split():
            shown = words.rstrip("\0").replace("\0", " ") or lines.get("Name", "").strip()
            found.append(Process(pid, shown[:LONGEST]))
    return found
