"""Who is connected to a unix socket, by ``ss -xanH``.  Pure but for ``look``.

``ss`` asks the kernel by netlink, so it needs no /proc (checked in a chroot without one).  A row of
it: netid, state, Recv-Q, Send-Q, local path, local inode, peer path, peer inode.  The path stands
on the server's side of a connection, also while it waits in the accept queue; the Recv-Q of the
LISTEN row is the length of that queue.
"""

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
