"""Asking again until the answer is yes or the time is up."""

from typing import Callable

from .system import System

TOLD_S = 2.0  # how often a person who waits is told what for


def objection(
    system: System, ask: Callable[[float], str], *, timeout_s: float, every_s: float
) -> str:
    """The last thing that ``ask`` had against it; nothing once it has nothing against it.

    ``ask`` is given the seconds that are left.  In check mode it is asked once.
    """
    now = system.monotonic()
    until = now + (timeout_s if system.patient else 0.0)
    told, said = now - TOLD_S, ""
    while True:
        against = ask(until - now)
        now = system.monotonic()
        if not against or now >= until:
            return against
        if against != said or now - told >= TOLD_S:
            told, said = now, against
            system.progress(f"{against}; waiting, {until - now:.0f} s left")
        system.sleep(min(every_s, until - now))
        now = system.monotonic()
