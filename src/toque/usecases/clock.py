"""Whether a node's clock is near ours."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..errors import Trouble
from .answers import Event

# Less than this breaks nothing that we know of; TLS, apt and log lines side by side do suffer
# from more, and Kerberos refuses five minutes (RFC 4120, 1.6).
NEAR_S = 60


def watch_clock(start: Event, watch: Callable[[Event], None]) -> None:
    """Warn of ``clock-off`` when the start of a run, just heard, was said at another time."""
    said = start.get("at")
    off = round(said - time.time()) if isinstance(said, int) else 0
    if abs(off) > NEAR_S:
        way = "ahead of" if off > 0 else "behind"
        trouble = Trouble(
            "clock-off",
            f"the node's clock is {abs(off)} s {way} this machine's",
            expected=f"less than {NEAR_S} s between them",
            hint="timedatectl",
        )
        watch({"type": "warning", "trouble": trouble.as_json()})
