"""Several nodes side by side.

Nearly all of a run is waiting for its node, so each has a thread.  Cookbooks are imported and
recipes run in the thread that called, one at a time: they are ordinary Python that nobody wrote
for threads, and only there can a recipe that never ends be ended (``cookbooks/timelimit.py``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Protocol, TypeVar

from .place import Place

MOST = 16  # nodes at once: a key exchange is mostly computing, so more of them wait for each other

T = TypeVar("T")
R = TypeVar("R")


class Here(Protocol):
    """Calls a function in the thread that compiles, and returns what it returns."""

    def __call__(self, function: Callable[[], R], /) -> R: ...


def at_once(function: Callable[[], R], /) -> R:
    """``Here`` for who is in that thread already."""
    return function()


def abreast(
    places: Sequence[Place], work: Callable[[Place, Here], T], *, most: int = MOST
) -> list[T | Exception]:
    """What ``work`` returns or raises for each place; at most ``most`` are at it at once.

    What goes wrong with one does not end the others.
    """
    jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()  # None: a place is done
    turns = threading.BoundedSemaphore(most)
    ended: dict[int, T | Exception] = {}

    def here(function: Callable[[], R], /) -> R:
        answer: SimpleQueue[Callable[[], R]] = SimpleQueue()
        jobs.put(lambda: answer.put(tried(function)))
        return answer.get()()

    def run(number: int, place: Place) -> None:
        with turns:
            try:
                ended[number] = work(place, here)
            except Exception as error:  # noqa: BLE001 - told by whoever asked for this
                ended[number] = error
            finally:
                jobs.put(None)

    for number, place in enumerate(places):
        # A daemon, since who leaves (a second Ctrl-C) does not wait for nodes that go on alone.
        threading.Thread(target=run, args=(number, place), daemon=True).start()
    running = len(places)
    while running:
        job = jobs.get()
        if job is None:
            running -= 1
        else:
            job()
    return [ended[number] for number in range(len(places))]


def tried(function: Callable[[], R]) -> Callable[[], R]:
    """A function that returns or raises what this one does now."""
    try:
        value = function()
    except Exception as error:  # noqa: BLE001 - raised again in the thread that waits
        trouble = error

        def fail() -> R:
            raise trouble

        return fail
    return lambda: value
