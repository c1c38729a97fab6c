"""What a deploy leaves for the watcher of an app, and what the watcher made of it.

``/var/lib/toque/apps/APP.watch.json``, for root only.  One app has at most one: a deploy replaces
it, and a watcher whose order is no longer the one it began with ends.
"""

import json
from typing import Any, Dict, Optional, Tuple

from ..applayout import watch_path
from ..contents import text_at
from ..record import dataclass, replace
from ..system import System
from .traffic import Position

OPEN = ""
SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Order:
    """``release`` serves since ``began`` (seconds since 1970, as the log tells time) and is watched
    until ``until``, seconds of the monotonic clock of that ``boot``; ``previous`` still runs.
    ``log`` is the access log, read up to ``position`` at the switch.

    ``verdict`` is empty while it is open, then a result of ``judge`` or ``superseded``.
    """

    app: str
    release: str
    previous: str
    began: float
    boot: str
    until: float
    log: str
    position: Position
    user: str
    keep: int
    drain_s: float
    verdict: str = OPEN
    reasons: Tuple[str, ...] = ()


def read_order(system: System, app: str) -> Optional[Order]:
    """The order of an app, open or not; None without one, or with one that cannot be read."""
    try:
        written = json.loads(text_at(system, watch_path(app)) or "")
        position = Position(**written.pop("position"))
        reasons = tuple(written.pop("reasons"))
        return Order(**written, position=position, reasons=reasons)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def open_order(system: System, app: str) -> Optional[Order]:
    order = read_order(system, app)
    return order if order is not None and order.verdict == OPEN else None


def write_order(system: System, order: Order) -> None:
    text = json.dumps(as_json(order), sort_keys=True) + "\n"
    path = watch_path(order.app)
    system.write(path, text.encode("utf-8"), owner="root", group="root", mode=0o600)


def closed(order: Order, verdict: str, reasons: Tuple[str, ...] = ()) -> Order:
    return replace(order, verdict=verdict, reasons=reasons)


def as_json(order: Order) -> Dict[str, Any]:
    found = {name: getattr(order, name) for name in order.__dataclass_fields__}
    position = {"inode": order.position.inode, "offset": order.position.offset}
    return {**found, "position": position, "reasons": list(order.reasons)}
