"""The processes of a machine, as /proc tells them: proc(5)."""

import contextlib
import re
from typing import Dict, Iterator, List

from .record import dataclass
from .system import Stat, System

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
                name = _text(system, f"/proc/{pid}/comm").strip()
                found.append(f"{name} ({pid}, {held})")
        if len(found) == most:
            break
    return found


def needed(system: System, folder: str) -> Dict[str, str]:
    """The names in ``folder`` that processes need, and one process of each, as ``using`` has it.

    Needed is where a process is, what it has open or mapped, and what its command line names: a
    Python that has loaded its packages shows no more of them than that.
    """
    found: Dict[str, str] = {}
    top = folder.rstrip("/") + "/"
    for pid in filter(str.isdigit, system.names("/proc")):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            texts = [link.target for link in _links(system, pid) if link.target.startswith(top)]
            texts += [_text(system, f"/proc/{pid}/{name}") for name in ("maps", "cmdline")]
            for part in (part for text in texts for part in text.split(top)[1:]):
                name = re.split(r"[/\s\0]", part, maxsplit=1)[0]
                if name and name not in found:
                    found[name] = f"{_text(system, f'/proc/{pid}/comm').strip()} ({pid})"
    return found


def _text(system: System, path: str) -> str:
    """What a file says; nothing of one that may not be read or has gone."""
    try:
        return system.read(path).decode("utf-8", "replace")
    except OSError:
        return ""


def _held(system: System, pid: str, path: str) -> str:
    for link in _links(system, pid):
        if link.target == path or link.target.startswith(path.rstrip("/") + "/"):
            return link.target
    return ""


def _links(system: System, pid: str) -> Iterator[Stat]:
    """Where a process is, what it runs, and what it has open."""
    places = [f"/proc/{pid}/{name}" for name in ("cwd", "root", "exe")]
    places += [f"/proc/{pid}/fd/{name}" for name in system.names(f"/proc/{pid}/fd")]
    for place in places:
        link = system.stat(place)
        if link is not None:
            yield link
