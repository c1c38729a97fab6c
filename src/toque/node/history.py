"""The record of switches of one app: a line of JSON each, oldest first, readable by root only."""

import json
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set

from .applayout import history_path
from .contents import text_at
from .system import System

KEPT = 1000  # lines; a deploy every hour for six weeks


def read_history(system: System, app: str) -> List[Dict[str, Any]]:
    """Every switch that is on record; a line that cannot be read is left out."""
    switches = []
    for line in (text_at(system, history_path(app)) or "").splitlines():
        try:
            switch = json.loads(line)
        except ValueError:
            continue
        if isinstance(switch, dict) and "release" in switch:
            switches.append(switch)
    return switches


def append_switch(system: System, app: str, switch: Mapping[str, Any]) -> None:
    """Add one switch to the record."""
    for directory in ("/var/lib/toque", "/var/lib/toque/apps"):
        if system.stat(directory) is None:
            system.mkdir(directory, owner="root", group="root", mode=0o700)
    _write(system, app, [*read_history(system, app), dict(switch)][-KEPT:])


def mark_switch(system: System, app: str, release: str, **more: Any) -> None:
    """Add to the last switch to ``release``: how its watch ended, or why it came about."""
    switches = read_history(system, app)
    for switch in reversed(switches):
        if switch["release"] == release:
            switch.update(more)
            _write(system, app, switches)
            return


def left(history: Sequence[Mapping[str, Any]]) -> Set[str]:
    """The releases that somebody went back from, unless they were deployed again since.  Pure.

    A switch says ``back`` when it was a rollback's (``deploys.py``).
    """
    gone: Set[str] = set()
    below: List[str] = []  # what each rollback uncovers, the one that serves last
    for switch in history:
        release = str(switch["release"])
        if release in below:
            at = below.index(release)
            if switch.get("back"):
                gone.update(below[at + 1 :])
                del below[at:]
            else:
                del below[at]
        below.append(release)
        gone.discard(release)
    return gone


def _write(system: System, app: str, switches: List[Dict[str, Any]]) -> None:
    text = "".join(json.dumps(one, sort_keys=True) + "\n" for one in switches)
    path = history_path(app)
    system.write(path, text.encode("utf-8"), owner="root", group="root", mode=0o600)


def previous_release(history: List[Dict[str, Any]], current: str) -> Optional[str]:
    """The release that served before ``current`` began to, by the record."""
    for switch in reversed(history):
        if switch["release"] == current:
            before = switch.get("from")
            return before if isinstance(before, str) and before != current else None
    return None
