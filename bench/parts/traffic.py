"""Visitors of the shop while it is deployed: a constant open loop, or 48 connections at full speed.

With either go requests that take five seconds and, where the server speaks them, websockets.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from toque.kitchen.load import Ask, Load, LoadPlan, LoadResult, Talks

from .shopfront import HOST

PER_S = 60.0
UPLOAD = b"x" * 20480
SMALL = Ask("/", r"shop\n")
VERSION = Ask("/version", r"[0-9a-f]{40}\n")
UP = Ask("/up", hashlib.sha256(UPLOAD).hexdigest() + r"\n", "POST", UPLOAD)
DOWN = Ask("/down", r"[0-9a-f]{1048576}")
SLOW = Ask("/slow", r"slow\n")
# Of 20 requests three carry 20 KB up and one brings 1 MB down.
MIX = ([SMALL, VERSION, UP, SMALL, VERSION, SMALL, SMALL] * 3)[:19] + [DOWN]
TALK_S = 5.0


@dataclass
class Traffic:
    """All that goes on at once.  ``full`` is full speed with 48 connections."""

    address: str
    full: bool
    websockets: bool
    port: int = 80

    def __post_init__(self) -> None:
        many = 24 if self.full else 8
        self._main = Load(self._plan(MIX, 0.0 if self.full else PER_S, many, many))
        self._slow = Load(self._plan([SLOW], 0.0, 1, 1))
        self._talks = Talks(self._plan([SMALL], 0.0, 1, 0), "/echo", TALK_S, at_once=2)

    def _plan(self, asks: list[Ask], rate: float, kept: int, new: int) -> LoadPlan:
        return LoadPlan(
            address=self.address, port=self.port, expect={}, asks=asks, host_header=HOST,
            rate_per_s=rate, connections_keepalive=kept, connections_new=new,
            max_requests=1_000_000, max_seconds=1800.0, timeout_s=60.0,
            allowed=frozenset({self.address}),
        )  # fmt: skip

    def start(self) -> None:
        self._main.start()
        self._slow.start()
        if self.websockets:
            self._talks.start()

    def stop(self) -> list[LoadResult]:
        """The accounts: of the mix, of slow requests, and of websockets where there were any."""
        results = [self._main.stop(), self._slow.stop()]
        return [*results, self._talks.stop()] if self.websockets else results

    def p99_ms(self, begin: float, end: float) -> float:
        """Of the mix, between two moments of ``time.monotonic()``."""
        return self._main.p99_ms(begin, end)

    def warm(self, seconds: float) -> tuple[float, float]:
        """Let it run on for a while; from when to when."""
        begin = time.monotonic()
        time.sleep(seconds)
        return begin, time.monotonic()
