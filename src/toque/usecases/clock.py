"""Whether a node's clock is near ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

Event = Mapping[str, Any]

# Less than this breaks nothing that we know of; TLS, apt and log lines side by side do suffer
# from more, and Kerberos refuses five minutes (RFC 4120, 1.6).
NEAR_S = 60


def watch_clock(start: Event, watch: Callable[[Event], None]) -> None:
    """Tell an event ``clock-off`` when the start of a run, just heard, was said at another time.

    Its ``seconds`` are how far the node's clock is ahead of ours, negative when it is behind.
    """
    said = start.get("at")
    if isinstance(said, int) and abs(said - time.time()) > NEAR_S:
        watch({"type": "clock-off", "seconds": round(said - time.time())})
