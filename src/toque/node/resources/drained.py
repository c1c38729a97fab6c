"""Servers behind a balancer that nobody is connected to any more."""

from typing import ClassVar, FrozenSet, Optional, Tuple

from ..errors import NotReady
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System

QUIET_LOOKS = 3  # in a row, and ...
PAUSE_S = 0.1  # ... this far apart: nginx's new workers take over a moment after its reload
LONGEST_S = 600.0


@dataclass(frozen=True)
class Drained(Resource):
    """Nobody on this machine is connected to ``addresses`` (``HOST:PORT``), or was waited for.

    Comes after the step that sends nobody there any more.  Connections that last longer than
    ``within_s`` seconds are left to end by themselves.
    """

    kind: ClassVar[str] = "drained"

    name: str
    addresses: Tuple[str, ...]
    within_s: float = 15.0

    def validate(self) -> None:
        for one in self.addresses:
            host, _, port = one.rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65536:
                raise Invalid("addresses", "HOST:PORT", one)
        if not 0 <= self.within_s <= LONGEST_S:
            raise Invalid("within_s", f"0 to {LONGEST_S:g} seconds", self.within_s)

    def wanted(self) -> State:
        return {"waited": True}

    def found(self, system: System) -> Optional[State]:
        return {"waited": False}  # one look tells nothing: see PAUSE_S

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        system.progress(f"letting requests to {', '.join(self.addresses)} finish")
        until = system.monotonic() + self.within_s
        quiet = 0
        while quiet < QUIET_LOOKS:
            left = self._connections(system)
            quiet = 0 if left else quiet + 1
            if left and system.monotonic() >= until:
                system.note(f"{left} connections are left after {self.within_s:g} s")
                return
            system.sleep(PAUSE_S)

    def reads_back(self) -> bool:
        return False  # what was waited for is over

    def _connections(self, system: System) -> int:
        """How many there are; ss(8) names both ends of each."""
        try:
            listed = system.run(["ss", "-Htn", "state", "established", "state", "syn-sent"])
        except NotReady:
            return 0
        ends = [line.split()[-1] for line in listed.text.splitlines() if line.split()]
        return sum(end in self.addresses for end in ends)
