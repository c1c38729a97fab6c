"""Websockets that are talked on for a while, one after another: none may be cut."""

from __future__ import annotations

import threading
import time

from .account import Account, LoadResult
from .client import Fault, Verdict
from .plan import LoadPlan
from .websocket import WebSocket

PAUSE_S = 0.2


class Talks:
    """Opens ``path`` of a plan's server, has texts echoed for ``seconds``, closes, begins again.

    Each talk counts as one request; its latency is that of its slowest echo.
    """

    def __init__(self, plan: LoadPlan, path: str, seconds: float, at_once: int = 1) -> None:
        plan.validate()
        self._plan, self._path, self._seconds = plan, path, seconds
        self._account = Account()
        self._stopping = threading.Event()
        self._workers = [
            threading.Thread(target=self._work, name=f"talk-{n}", daemon=True)
            for n in range(at_once)
        ]

    def start(self) -> None:
        """Begin.  May be called once."""
        self._account.begin(time.monotonic())
        for worker in self._workers:
            worker.start()

    def wait(self, requests: int, timeout_s: float) -> bool:
        """Wait until so many talks have ended; False when it takes longer."""
        return self._account.wait(requests, timeout_s)

    def stop(self) -> LoadResult:
        """Begin no other talk, let those under way end, and give the account."""
        self._stopping.set()
        for worker in self._workers:
            worker.join()
        return self._account.result()

    def _work(self) -> None:
        until = time.monotonic() + self._plan.max_seconds
        while not self._stopping.is_set() and time.monotonic() < until:
            began = time.monotonic()
            slowest, verdict = self._talk(began + self._seconds)
            now = time.monotonic()
            self._account.add(f"WEBSOCKET {self._path}", verdict, due=now - slowest, now=now)
            if verdict.fault is not None:
                self._stopping.wait(PAUSE_S)

    def _talk(self, until: float) -> tuple[float, Verdict]:
        """One talk: its slowest echo in seconds, and how it ended."""
        plan, slowest, said = self._plan, 0.0, 0
        try:
            line = WebSocket.connect(
                plan.address, plan.port, self._path, host=plan.host_header, timeout_s=plan.timeout_s
            )
            try:
                while time.monotonic() < until:
                    said += 1
                    asked = time.monotonic()
                    answer = line.ask(f"text {said}")
                    slowest = max(slowest, time.monotonic() - asked)
                    if answer != f"text {said}":
                        return slowest, Verdict(101, Fault.WRONG_BODY, repr(answer[:80]))
                    self._stopping.wait(PAUSE_S)
                    if self._stopping.is_set():
                        break
                line.close()
            finally:
                line.stream.close()
        except OSError as error:
            fault = Fault.TRUNCATED if said else Fault.NO_ANSWER
            return slowest, Verdict(0, fault, f"{type(error).__name__}: {error}, text {said}")
        return slowest, Verdict(101)
