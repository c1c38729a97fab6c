"""The workers that send a load, and the clock they all follow."""

from __future__ import annotations

import re
import threading
import time

from .account import Account, LoadResult
from .client import Client
from .plan import LoadPlan


class Load:
    """A load in the background.  It ends by itself at the plan's limits, or by :meth:`stop`."""

    def __init__(self, plan: LoadPlan) -> None:
        plan.validate()
        self.plan = plan
        self._asks = [(ask, re.compile(ask.pattern.encode(), re.DOTALL)) for ask in plan.requests]
        self._account = Account()
        self._stopping = threading.Event()
        self._turn = threading.Lock()
        self._taken = 0
        self._begun = 0.0
        keeps = [True] * plan.connections_keepalive + [False] * plan.connections_new
        self._workers = [
            # Daemons: a load never keeps a program alive that has been told to end.
            threading.Thread(target=self._work, args=(keep,), name=f"load-{n}", daemon=True)
            for n, keep in enumerate(keeps)
        ]

    def start(self) -> None:
        """Begin.  May be called once."""
        self._begun = time.monotonic()
        self._account.begin(self._begun)
        for worker in self._workers:
            worker.start()

    def stop(self) -> LoadResult:
        """Send nothing more, wait for what is under way, and give the account."""
        self._stopping.set()
        return self.finish()

    def finish(self) -> LoadResult:
        """Wait until the plan's limits end the load, and give the account."""
        for worker in self._workers:
            worker.join()
        return self._account.result()

    def snapshot(self) -> LoadResult:
        """The account so far."""
        return self._account.result()

    def p99_ms(self, begin: float, end: float) -> float:
        """Of the requests that ended between two moments of ``time.monotonic()``."""
        return self._account.p99_ms(begin, end)

    def wait(self, requests: int, timeout_s: float) -> bool:
        """Wait until so many requests in all have ended; False when it takes longer."""
        return self._account.wait(requests, timeout_s)

    def _work(self, keep: bool) -> None:
        client = Client(self.plan, keep=keep)
        while (number := self._take()) is not None:
            due = self._begun + self._after(number)
            if self._stopping.wait(max(0.0, due - time.monotonic())):
                break
            ask, pattern = self._asks[number % len(self._asks)]
            verdict = client.send(ask, pattern)
            what = f"{ask.method} {ask.path}"
            self._account.add(what, verdict, due=due, now=time.monotonic())
        client.close()

    def _after(self, number: int) -> float:
        """Seconds from the begin to when a request is due."""
        rate = self.plan.rate_per_s
        return number / rate if rate else time.monotonic() - self._begun

    def _take(self) -> int | None:
        """The number of the next request; None when there is to be no other."""
        with self._turn:
            number = self._taken
            over = time.monotonic() - self._begun >= self.plan.max_seconds
            too_late = self._after(number) >= self.plan.max_seconds
            if over or too_late or number >= self.plan.max_requests:
                return None
            self._taken += 1
            return number


def run_load(plan: LoadPlan) -> LoadResult:
    """Send the whole load, up to the plan's limits, and give the account."""
    load = Load(plan)
    load.start()
    return load.finish()
