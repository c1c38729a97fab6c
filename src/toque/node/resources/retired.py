"""Earlier releases of an app, stopped when their last visitor has left.

Stopping at once loses the connections that wait in the accept queue (measured: 169 of 136,000
requests under load); so the link moves first, then this waits until nobody is left, then stops.
"""

from typing import ClassVar, FrozenSet, List, Optional

from ..applayout import UNITS, release_of, socket_path, unit_name
from ..errors import NotReady
from ..inits import choose
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..sockets import look
from ..system import System
from ..watch.order import open_order

QUIET_LOOKS = 3  # in a row, and ...
PAUSE_S = 0.03  # ... this far apart: a request that nginx has just sent shows in one of them
BLIND_S = 5.0  # waited where nobody can say who is connected


@dataclass(frozen=True)
class Retired(Resource):
    """No unit of ``app`` runs but ``keep_unit``, and the one before it while that is watched.

    A unit that still has connections after ``drain_s`` seconds is stopped all the same; its own
    stop timeout is then what its requests have left.
    """

    kind: ClassVar[str] = "retired"

    app: str
    keep_unit: str
    drain_s: float = 30.0

    def validate(self) -> None:
        if release_of(self.app, self.keep_unit) is None:
            raise Invalid("keep_unit", f"a unit of a release of {self.app}", self.keep_unit)

    def wanted(self) -> State:
        return {"running": ()}

    def found(self, system: System) -> Optional[State]:
        return {"running": tuple(self._others(system))}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        init = choose(system)
        for unit in self._others(system):
            drain(system, self.app, unit, self.drain_s)
            init.stop(unit)

    def _others(self, system: System) -> List[str]:
        """Units of other releases that run, or that their init keeps trying to run."""
        init = choose(system)
        system.forget(frozenset({"units"}))
        units = [name for name in system.names(UNITS) if release_of(self.app, name)]
        init.prefetch(units)
        spared = (self.keep_unit, self._warm(system))
        return [unit for unit in units if unit not in spared and init.state(unit).alive]

    def _warm(self, system: System) -> str:
        """The unit that is kept running while the one of ``keep_unit`` is watched."""
        order = open_order(system, self.app)
        if order is None or order.release != release_of(self.app, self.keep_unit):
            return ""
        return unit_name(self.app, order.previous)


def drain(system: System, app: str, unit: str, drain_s: float) -> None:
    """Wait until nobody is connected to ``unit``, at most ``drain_s`` seconds."""
    path = socket_path(app, release_of(app, unit) or "")
    system.progress(f"letting {unit} finish")
    until = system.monotonic() + drain_s
    quiet = 0
    while True:
        try:
            traffic = look(system, path)
        except NotReady:
            system.note(f"there is no ss here; waited {BLIND_S:g} s before stopping {unit}")
            system.sleep(min(BLIND_S, drain_s))
            return
        quiet = quiet + 1 if traffic.idle else 0
        if quiet >= QUIET_LOOKS:
            return
        if system.monotonic() >= until:
            system.note(
                f"{unit} was stopped after {drain_s:g} s with "
                f"{traffic.connected + traffic.queued} connections left"
            )
            return
        system.sleep(PAUSE_S)
