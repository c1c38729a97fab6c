"""Choosing a driver: ``auto`` tries each in order of how much it can show, and says why."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import AskedWrongly, Failed, nearest
from .driver import Driver
from .machine import Verdict

AUTO = "auto"


def choose(wanted: str, drivers: Sequence[Driver]) -> tuple[Driver, list[Verdict]]:
    """The driver to use and the verdicts that led to it, in the order they were tried."""
    names = [driver.name for driver in drivers]
    if wanted not in (AUTO, *names):
        raise AskedWrongly(
            "kitchen-unknown-driver",
            f"there is no driver '{wanted}'",
            expected=", ".join((AUTO, *names)),
            found=wanted,
            hint=nearest(wanted, (AUTO, *names)),
        )
    verdicts = []
    for driver in drivers:
        if wanted in (AUTO, driver.name):
            verdict = driver.probe()
            verdicts.append(verdict)
            if verdict.works:
                return driver, verdicts
    raise Failed(
        "kitchen-no-driver",
        "no throwaway machine can be made on this host"
        if wanted == AUTO
        else f"driver {wanted} does not work on this host",
        expected="one of these to work",
        found="; ".join(f"{v.driver}: {v.reason}" for v in verdicts),
        hint="toque kitchen create --driver auto" if wanted != AUTO else "",
    )
