"""How an app is, in a few values: what ``toque status`` shows of each."""

from typing import Any, Dict, List, Mapping

from ..applayout import unit_name
from ..facts import boot
from ..history import read_history
from ..system import System
from ..watch.order import open_order
from . import logs
from .failures import failures
from .lines import ACCESS, APP, NGINX
from .look import link, socket_facts, unit_facts
from .machine import disks, memory

LATELY_S = 3600.0
MOST = 20_000  # lines of a log that are counted


def status(system: System, app: str) -> Dict[str, Any]:
    """Release and since when, its unit, restarts, memory, and the failures of the last hour."""
    current = link(system, app)
    release = str(current.get("release", ""))
    found: Dict[str, Any] = {"app": app, "release": release, "link": current}
    if not release:
        return found
    unit = unit_facts(system, unit_name(app, release))
    unit.pop("log", None)
    found["unit"] = unit
    queue = socket_facts(system, app, release)
    found["queue"] = {name: queue.get(name) for name in ("listening", "queued", "connected")}
    switches = [one for one in read_history(system, app) if one["release"] == release]
    if switches:
        found["since"] = switches[-1].get("at", "")
        found["watch"] = watched(system, app, switches[-1])
    now = system.now()
    # Each for itself: many lines of one must not push those of the other out.
    asked = logs.read(system, app, now - LATELY_S, sources=frozenset({ACCESS}), most=MOST)
    told = logs.read(system, app, now - LATELY_S, sources=frozenset({APP, NGINX}), most=MOST)
    failed = [one for one in failures([*asked, *told]) if one.visited]
    found["requests"] = len(asked)
    found["failed"] = len(failed)
    found["last"] = [one.as_json() for one in failed[-1:]]
    return found


def watched(system: System, app: str, switch: Mapping[str, Any]) -> str:
    """How long the watch of a switch still goes on, or how it ended and why; empty without one."""
    order = open_order(system, app)
    # A restart of the machine ends every watch; its seconds are those of another clock then.
    if order is not None and order.release == switch["release"] and order.boot == boot():
        return f"{max(0, round(order.until - system.monotonic()))} s left"
    if switch.get("why"):
        return str(switch["why"])
    reasons = "; ".join(str(reason) for reason in switch.get("reasons", ()))
    return ": ".join(filter(None, (str(switch.get("verdict", "")), reasons)))


def machine(system: System, apps: List[str]) -> Mapping[str, Any]:
    """What the node itself has left."""
    room = disks(apps[0] if apps else "")
    least = min(room, key=lambda disk: float(disk["free"]), default=None)
    return {"disk": least, "memory": memory(system, ""), "load": _load()}


def _load() -> float:
    try:
        with open("/proc/loadavg", encoding="ascii") as file:
            return float(file.read().split()[0])
    except (OSError, ValueError):
        return 0.0
