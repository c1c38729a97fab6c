"""The processes of a machine, as /proc tells them: proc(5)."""

import contextlib
from typing import List

from .record import dataclass
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


def using(system: System, path: str, most: int = 8) -> List[str]:
    """``name (pid, what)`` of processes that hold something at or below ``path``."""
    found: List[str] = []
    for pid in filter(str.isdigit, system.names("/proc")):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            held = _held(system, pid, path)
            if held:
                name = system.read(f"/proc/{pid}/comm").decode("utf-8", "replace").strip()
                found.append(f"{name} ({pid}, {held})")
        if len(found) == most:
            break
    return found


def _held(system: System, pid: str, path: str) -> str:
    places = [f"/proc/{pid}/{name}" for name in ("cwd", "root", "exe")]
    places += [f"/proc/{pid}/fd/{name}" for name in system.names(f"/proc/{pid}/fd")]
    for place in places:
        link = system.stat(place)
        if link and (link.target == path or link.target.startswith(path.rstrip("/") + "/")):
            return link.target
    return ""
