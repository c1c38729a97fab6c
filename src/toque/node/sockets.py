"""Who is connected to a unix socket, by ``ss -xanH``.  Pure but for ``look``.

``ss`` asks the kernel by netlink, so it needs no /proc (checked in a chroot without one).  A row of
it: netid, state, Recv-Q, Send-Q, local path, local inode, peer path, peer inode.  The path stands
on the server's side of a connection, also while it waits in the accept queue; the Recv-Q of the
LISTEN row is the length of that queue.
"""

import contextlib
import re
from typing import Dict, List, Set, Tuple

from .errors import NotReady
from .record import dataclass
from .system import System


@dataclass(frozen=True)
class Traffic:
    """``listening``: somebody accepts; ``connected`` and ``queued`` count connections."""

    listening: bool = False
    connected: int = 0
    queued: int = 0

    @property
    def idle(self) -> bool:
        return self.connected == 0 and self.queued == 0


def traffic(rows: str, path: str) -> Traffic:
    """What ``ss -xanH`` says about the socket at ``path``."""
    listening, connected, queued = False, 0, 0
    for row in rows.splitlines():
        words = row.split()
        if len(words) < 6 or " ".join(words[4:-3]) != path:
            continue
        if words[1] == "LISTEN":
            listening, queued = True, queued + int(words[2])
        elif words[1] not in ("UNCONN", "CLOSED"):
            connected += 1
    return Traffic(listening, connected, queued)


def look(system: System, path: str) -> Traffic:
    """What is going on at ``path`` now.  Raises ``NotReady`` where there is no ``ss``."""
    return traffic(system.run(["ss", "-xanH"], timeout_s=10).text, path)


def listening(system: System, pid: int) -> List[str]:
    """The TCP addresses that process ``pid`` and those it has started listen on."""
    if not pid:
        return []
    try:
        rows = system.run(["ss", "-Hltnp"], check=False, timeout_s=10).text
    except NotReady:
        return []
    ours = {pid, *below(system, pid)}
    return [address for address, pids in ports(rows) if ours & pids]


def ports(rows: str) -> List[Tuple[str, Set[int]]]:
    """Local addresses and process ids of ``ss -Hltnp``."""
    found = []
    for row in rows.splitlines():
        words = row.split(maxsplit=5)
        if len(words) >= 5:
            pids = {int(pid) for pid in re.findall(r"pid=(\d+)", words[5] if words[5:] else "")}
            found.append((words[3], pids))
    return found


def below(system: System, pid: int) -> Set[int]:
    """The processes that descend from one: proc(5)."""
    parents: Dict[int, int] = {}
    for name in filter(str.isdigit, system.names("/proc")):
        with contextlib.suppress(OSError, ValueError, IndexError):
            text = system.read(f"/proc/{name}/stat").decode("utf-8", "replace")
            parents[int(name)] = int(text.rpartition(")")[2].split()[1])
    found: Set[int] = set()
    ahead = [pid]
    while ahead:
        above = ahead.pop()
        children = [child for child, parent in parents.items() if parent == above]
        ahead += [child for child in children if child not in found]
        found.update(children)
    return found
