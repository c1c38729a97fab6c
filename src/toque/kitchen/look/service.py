"""Services, and the units of systemd behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .ask import Ask
from .program import ended


@dataclass(frozen=True)
class Service:
    """A service.  ``enabled`` is None where the init cannot say; ``pid`` is 0 when none runs."""

    name: str
    running: bool
    enabled: bool | None
    pid: int


@dataclass(frozen=True)
class Unit:
    """A unit of systemd, by systemd's own words (systemctl(1), ``show``).

    ``state`` is ``ActiveState``: active, reloading, inactive, failed, activating, deactivating;
    ``substate`` is ``SubState``, such as running, exited, dead; ``result`` is ``success`` or how
    its last run failed; ``properties`` has all others by name.
    """

    name: str
    state: str
    substate: str
    result: str
    enabled: bool
    properties: Mapping[str, str] = field(repr=False)


def service(ask: Ask, name: str, *, systemd: bool) -> Service:
    if systemd:
        shown = _shown(ask, name, "--property=ActiveState,UnitFileState,MainPID")
        enabled = shown.get("UnitFileState") == "enabled"
        pid = int(shown.get("MainPID") or 0)
        return Service(name, shown.get("ActiveState") == "active", enabled, pid)
    state = ended(ask, "supervisorctl", "status", name).out.split()
    running = len(state) > 1 and state[1] == "RUNNING"
    pid = int(state[3].rstrip(",")) if running and state[2] == "pid" else 0
    return Service(name, running, None, pid)


def unit(ask: Ask, name: str) -> Unit | None:
    shown = _shown(ask, name)
    if shown.get("LoadState", "not-found") == "not-found":
        return None
    return Unit(
        shown.get("Id", name),
        shown["ActiveState"],
        shown["SubState"],
        shown.get("Result", ""),
        shown.get("UnitFileState") == "enabled",
        shown,
    )


def _shown(ask: Ask, name: str, *options: str) -> dict[str, str]:
    out = ended(ask, "systemctl", "show", *options, "--", name).out
    return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
