"""A wall-clock limit on a piece of Python that runs in this process."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooSlow(BaseException):
    """The limit passed.  No ``Exception``, so that a recipe's own ``except`` lets it through."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise ``TooSlow`` inside the block after ``seconds``; 0 means no limit.

    Uses the process's one interval timer, which Python serves in the main thread only: elsewhere
    there is no limit, and a program that compiles in threads does so in a child process.
    """
    if seconds <= 0 or threading.current_thread() is not threading.main_thread():
        yield
        return

    running = True

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if running:
            raise TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    started = time.monotonic()
    # It repeats, in case the first one was raised where it could only be swallowed.
    delay, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        running = False  # first, so that nothing is raised between here and the end
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if delay:  # somebody else's, such as a test runner's: it goes on with what is left
            left = max(delay - (time.monotonic() - started), 0.001)
            signal.setitimer(signal.ITIMER_REAL, left, interval)
