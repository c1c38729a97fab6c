"""The time after a switch: the release before stays warm, and comes back when this one is worse.

The run does not wait for it.  A program of this runtime watches under a unit of its own, so it
outlives the connection and a kill; see ``watch/program.py``.
"""

import time
from typing import ClassVar, FrozenSet, Optional

from ..applayout import UNITS, is_release, release_of, watch_unit
from ..facts import boot
from ..history import previous_release, read_history
from ..inits import choose
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System
from ..watch.order import Order, read_order, write_order
from ..watch.traffic import end_of


@dataclass(frozen=True)
class Watched(Resource):
    """``release`` (an ID of ``app``) is watched for ``window_s`` seconds after it began to serve.

    Meanwhile the release that served before it keeps running, and no other.  ``log`` is the web
    server's access log of the app, in the format of the cookbook nginx.  When the time is over the
    old release has ``drain_s`` seconds to finish, and releases beyond ``keep`` are removed, whose
    commits ``user`` (the deploy user) drops.  Without an old release that runs there is nothing to
    go back to, and nothing is watched.
    """

    kind: ClassVar[str] = "watched"

    app: str
    release: str
    log: str
    user: str
    window_s: float = 60.0
    drain_s: float = 30.0
    keep: int = 5

    def validate(self) -> None:
        if not is_release(self.release):
            raise Invalid("release", "a release ID", self.release)
        if self.window_s <= 0:
            raise Invalid("window_s", "more than 0 seconds", self.window_s)
        if not self.log.startswith("/"):
            raise Invalid("log", "an absolute path", self.log)

    def wanted(self) -> State:
        return {"watched": True}

    def found(self, system: System) -> Optional[State]:
        if not self._warm(system):
            return {"watched": True}
        order = read_order(system, self.app)
        begun = order is not None and order.release == self.release and not order.verdict
        return {"watched": begun and choose(system).state(watch_unit(self.app)).alive}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        init = choose(system)
        init.stop(watch_unit(self.app))  # of the release before
        write_order(
            system,
            Order(
                app=self.app,
                release=self.release,
                previous=self._warm(system),
                began=time.time(),
                boot=boot(),
                until=time.monotonic() + self.window_s,
                log=self.log,
                position=end_of(system, self.log),
                user=self.user,
                keep=self.keep,
                drain_s=self.drain_s,
            ),
        )
        init.launch(watch_unit(self.app))

    def _warm(self, system: System) -> str:
        """The release before this one, when it runs; empty when it does not."""
        init = choose(system)
        system.forget(frozenset({"units"}))
        before = previous_release(read_history(system, self.app), self.release)
        units = [name for name in system.names(UNITS) if release_of(self.app, name)]
        init.prefetch([*units, watch_unit(self.app)])
        return next(
            (before for unit in units if before and release_of(self.app, unit) == before
             and init.state(unit).alive),
            "",
        )  # fmt: skip
