"""The first thing a node says on a connection: what it is."""

from typing import Any, Dict

from . import facts


def greeting(app: str = "") -> Dict[str, Any]:
    """The facts and, with ``app``, the releases that this node keeps of that app."""
    told: Dict[str, Any] = {"type": "facts", "facts": facts.look()}
    if app:
        from .realsystem import RealSystem
        from .resources.releases import list_releases
        from .wire import facts_from

        told["releases"] = list_releases(RealSystem(facts_from(told["facts"])), app)
    return told
