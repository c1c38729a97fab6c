"""The first thing a node says on a connection: what it is."""

from typing import TYPE_CHECKING, Any, Dict

from . import facts

if TYPE_CHECKING:
    from .system import System


def greeting(app: str = "", *, states: bool = False) -> Dict[str, Any]:
    """The facts and, with ``app``, the releases that this node keeps of that app and the numbers
    of its processes that somebody asked for.  Which releases run is asked for by ``states``: that
    takes a program."""
    told: Dict[str, Any] = {"type": "facts", "facts": facts.look()}
    if app:
        from .realsystem import RealSystem
        from .resources.releases import kept_releases, list_releases
        from .wire import facts_from

        system = RealSystem(facts_from(told["facts"]))
        told["releases"] = (list_releases if states else kept_releases)(system, app)
        told["scale"] = _scale(system, app)
    return told


def _scale(system: "System", app: str) -> Dict[str, Any]:
    import json

    from .applayout import scale_path
    from .contents import text_at

    try:
        found = json.loads(text_at(system, scale_path(app)) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
