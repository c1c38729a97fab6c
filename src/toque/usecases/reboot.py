"""Waiting for a node that said it is about to reboot."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..errors import Failed, Unreachable
from .answers import Event

BACK_S = 900.0  # servers with much memory check it for minutes before they boot
LOOK_S = 2.0


def back(ask: Callable[[], Event], boot: str, watch: Callable[[Event], None]) -> None:
    """Return when the node answers from another boot than ``boot``.

    ``ask`` brings its facts, beside them ``boot``.  Raises ``Unreachable("reboot-not-back")``.
    """
    began = time.monotonic()
    found = "no answer"
    while time.monotonic() - began < BACK_S:
        try:
            now = str(ask().get("boot", ""))
            if now and now != boot:
                seconds = time.monotonic() - began
                watch({"type": "rebooted", "seconds": round(seconds, 1)})
                return
            found = "it still runs as before"
        except (Unreachable, Failed) as error:
            found = error.trouble.message
        time.sleep(LOOK_S)
    raise Unreachable(
        "reboot-not-back",
        "the node did not come back from its reboot",
        expected=f"an answer from a new boot within {BACK_S:g} s",
        found=found,
        hint="look at its console; the run itself ended well before the reboot",
    )
