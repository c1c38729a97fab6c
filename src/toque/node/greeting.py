"""The first thing a node says on a connection: what it is."""

from typing import Any, Dict

from .model import Facts
from .wire import facts_json


def greeting(machine: Facts, app: str = "") -> Dict[str, Any]:
    """The facts and, with ``app``, the releases that this node keeps of that app."""
    told: Dict[str, Any] = {"type": "facts", "facts": facts_json(machine)}
    if app:
        from .resources.releases import list_releases
        from .system import RealSystem

        told["releases"] = list_releases(RealSystem(machine), app)
    return told
