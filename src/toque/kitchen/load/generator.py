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
        self._patterns = {
            path: re.compile(pattern.encode(), re.DOTALL) for path, pattern in plan.expect.items()
        }
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

    def wait(self, requests: int, timeout_s: float) -> bool:
        """Wait until so many requests in all have ended; False when it takes longer."""
        return self._account.wait(requests, timeout_s)

    def _work(self, keep: bool) -> None:
        client = Client(self.plan, keep=keep)
        paths = self.plan.paths
        while (number := self._take()) is not None:
            due = self._begun + number / self.plan.rate_per_s
            if self._stopping.wait(max(0.0, due - time.monotonic())):
                break
            path = paths[number % len(paths)]
            verdict = client.get(path, self._patterns[path])
            self._account.add(path, verdict, due=due, now=time.monotonic())
        client.close()

    def _take(self) -> int | None:
        """The number of the next request; None when there is to be no other."""
        with self._turn:
            number = self._taken
            over = time.monotonic() - self._begun >= self.plan.max_seconds
            too_late = number / self.plan.rate_per_s >= self.plan.max_seconds
            if over or too_late or number >= self.plan.max_requests:
                return None
            self._taken += 1
            return number


def run_load(plan: LoadPlan) -> LoadResult:
    """Send the whole load, up to the plan's limits, and give the account."""
    load = Load(plan)
    load.start()
    return load.finish()
