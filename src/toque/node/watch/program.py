"""``toque-node watch APP``: looks every second, and puts the release before back, or retires it.

What it does to the site it does as a run does: with the node's lock, by the same resources, and
only while the order that it began with still stands and its release is the one that serves.  A
kill at any moment leaves one of both releases serving, whole; the unit starts it again, and it
goes on with the time that is left.
"""

import os
import time
from typing import Callable, Optional, Tuple

from .. import journal, workers
from ..applayout import app_path, unit_name
from ..facts import boot
from ..history import mark_switch
from ..inits import choose
from ..resources.current import Current
from ..resources.earlier import Earlier
from ..resources.releases import Releases
from ..resources.retired import drain
from ..system import System
from . import traffic
from .judge import DEGRADED, PUT_BACK, Health, Requests, Verdict, judge
from .memory import free_share, memory_of
from .order import SUPERSEDED, Order, closed, open_order, read_order, write_order

LOOK_S = 1.0
WAIT_S = 0.2  # for the node's lock, between two tries
UNITS = frozenset({"units"})


def watch(system: System, app: str, state: str) -> None:
    """Carry out the open order of ``app``, if there is one."""
    order = open_order(system, app)
    if order is not None:
        Watcher(system, order, state).watch()


class Watcher:
    """One order, from its first look to the end of the release that lost."""

    def __init__(self, system: System, order: Order, state: str) -> None:
        self.system = system
        self.order = order
        self.state = state

    def watch(self) -> None:
        verdict = self._followed()
        if verdict is None:
            self._locked(self._supersede)
            return
        new, old = self.order.release, self.order.previous
        if verdict.result == PUT_BACK:
            new, old = old, new
            self._locked(lambda: self._put_back(verdict))
        else:
            self._locked(lambda: self._note(verdict.result, tuple(verdict.reasons)))
        drain(self.system, self.order.app, unit_name(self.order.app, old), self.order.drain_s)
        self._locked(lambda: self._retire(old, new))

    def _followed(self) -> Optional[Verdict]:
        """Look until it is clear what becomes of the release.

        None when another one serves, or after a restart, which left nothing to go back to.
        """
        look = Look(self.system, self.order)
        while self._serving() == self.order.release and self.order.boot == boot():
            verdict = look.again()
            if verdict.result == PUT_BACK or time.monotonic() >= self.order.until:
                return verdict
            time.sleep(LOOK_S)
        return None

    def _put_back(self, verdict: Verdict) -> None:
        """The release before serves again."""
        order = self.order
        if not self._stands():
            return
        unit = unit_name(order.app, order.previous)
        self.system.forget(UNITS)
        if not choose(self.system).state(unit).running:  # there is nothing better to go to
            self._note(DEGRADED, (*verdict.reasons, f"could not be put back: {unit} had ended"))
            return
        assets = self.system.names(f"{app_path(order.app)}/earlier")
        if assets:  # the pages of both find their files
            earlier = Earlier(order.app, release=order.previous, count=len(assets))
            earlier.fix(self.system, frozenset(earlier.wanted()))
        link = f"{app_path(order.app)}/current"
        current = Current(link, release=f"releases/{order.previous}", unit=unit, app=order.app)
        current.fix(self.system, frozenset(current.wanted()))
        workers.start(self.system, order.app, order.previous)
        workers.retire(self.system, order.app, order.previous)
        why = f"put back: {'; '.join(verdict.reasons)}"
        mark_switch(self.system, order.app, order.previous, why=why)
        mark_switch(
            self.system, order.app, order.release, verdict=PUT_BACK, reasons=list(verdict.reasons)
        )
        write_order(self.system, closed(order, PUT_BACK, tuple(verdict.reasons)))

    def _note(self, result: str, reasons: Tuple[str, ...]) -> None:
        """The release stays."""
        if self._stands():
            mark_switch(
                self.system,
                self.order.app,
                self.order.release,
                verdict=result,
                reasons=list(reasons),
            )
            write_order(self.system, closed(self.order, result, reasons))

    def _supersede(self) -> None:
        if read_order(self.system, self.order.app) == self.order:
            write_order(self.system, closed(self.order, SUPERSEDED))

    def _retire(self, old: str, new: str) -> None:
        """Stop ``old``, whose last visitor has left, and tidy up; as long as ``new`` serves."""
        if self._serving() != new:
            return
        order = self.order
        choose(self.system).stop(unit_name(order.app, old))
        releases = Releases(order.app, current=new, user=order.user, keep=order.keep)
        releases.fix(self.system, frozenset(releases.wanted()))

    def _stands(self) -> bool:
        """Whether nobody has deployed, gone back or watched anew since this order was written."""
        same = read_order(self.system, self.order.app) == self.order
        return same and self._serving() == self.order.release

    def _serving(self) -> str:
        link = self.system.stat(f"{app_path(self.order.app)}/current")
        return link.target.rsplit("/", 1)[-1] if link is not None else ""

    def _locked(self, act: Callable[[], None]) -> None:
        """Act while no run does.  A run that holds the node is waited for, as long as it takes."""
        holder = {"by": "toque-node", "run": "watch", "plan": f"watch {self.order.app}"}
        while True:
            try:
                lock = journal.take_lock(self.state, holder)
                break
            except journal.Held:
                time.sleep(WAIT_S)
        try:
            act()
        finally:
            os.close(lock)


class Look:
    """What is known since the switch; each look adds to it."""

    def __init__(self, system: System, order: Order) -> None:
        self.system = system
        self.order = order
        self.before = traffic.before(system, order.log, order.position)
        self.after = Requests()
        self.position = order.position
        self.restarts = 0
        self.pid = 0

    def again(self) -> Verdict:
        order = self.order
        new, self.position = traffic.since(self.system, order.log, self.position, order.began)
        self.after = traffic.together(self.after, new)
        return judge(self.before, self.after, self._health())

    def _health(self) -> Health:
        self.system.forget(UNITS)
        init = choose(self.system)
        mine = init.state(unit_name(self.order.app, self.order.release))
        before = init.state(unit_name(self.order.app, self.order.previous))
        if mine.pid and self.pid and mine.pid != self.pid:
            self.restarts += 1
        self.pid = mine.pid or self.pid
        return Health(
            alive=mine.alive,
            restarts=self.restarts,
            memory=memory_of(self.system, mine.pid),
            memory_before=memory_of(self.system, before.pid),
            free=free_share(self.system),
        )
