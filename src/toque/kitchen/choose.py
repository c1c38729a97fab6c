"""Choosing a driver: ``auto`` tries each in order of how much it can show, and says why."""

from __future__ import annotations

from ..errors import Failed
from .driver import Driver
from .drivers import AUTO, Drivers
from .machine import Verdict


def choose(wanted: str, drivers: Drivers) -> tuple[Driver, list[Verdict]]:
    """The driver to use and the verdicts that led to it, in the order they were tried.

    Raises ``AskedWrongly("kitchen-unknown-driver")``, ``Failed("kitchen-no-driver")``.
    """
    verdicts = []
    for name in drivers.automatic if wanted == AUTO else (wanted,):
        verdict = drivers.verdict(name)
        verdicts.append(verdict)
        if verdict.works:
            return drivers.named(name), verdicts
    raise Failed(
        "kitchen-no-driver",
        "no throwaway machine can be made on this host"
        if wanted == AUTO
        else f"driver {wanted} does not work on this host",
        expected="one of these to work",
        found="; ".join(f"{v.driver}: {v.reason}" for v in verdicts),
        hint="toque kitchen create --driver auto" if wanted != AUTO else "",
    )
