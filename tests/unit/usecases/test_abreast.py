"""Several nodes side by side: all at once, compiled in one thread, each with its own end."""

import threading

import pytest

from toque.adapters.memory import MemoryTransport
from toque.errors import Failed, Unreachable
from toque.fleet.node import Node
from toque.usecases.abreast import Here, abreast
from toque.usecases.place import Place


def places(count: int) -> list[Place]:
    names = [f"web{number}" for number in range(count)]
    return [Place(Node(name, name, ""), MemoryTransport(lambda *_: 0, name)) for name in names]


def test_all_are_at_it_at_once_and_come_back_in_their_order() -> None:
    everybody = threading.Barrier(5, timeout=30)  # nobody passes before all are there

    def work(place: Place, here: Here) -> str:
        everybody.wait()
        return place.node.name

    assert abreast(places(5), work) == ["web0", "web1", "web2", "web3", "web4"]


def test_no_more_than_so_many_are_at_it_at_once() -> None:
    lock, now, seen = threading.Lock(), [0], [0]
    pair = threading.Barrier(2, timeout=30)

    def work(place: Place, here: Here) -> None:
        with lock:
            now[0] += 1
            seen[0] = max(seen[0], now[0])
        pair.wait()
        with lock:
            now[0] -= 1

    abreast(places(8), work, most=2)

    assert seen == [2]


def test_what_goes_wrong_with_one_does_not_end_the_others() -> None:
    wrong = {"web0": Unreachable("host-unreachable", "no"), "web2": ZeroDivisionError("a bug")}

    def work(place: Place, here: Here) -> str:
        if place.node.name in wrong:
            raise wrong[place.node.name]
        return place.node.name

    assert abreast(places(4), work) == [wrong["web0"], "web1", wrong["web2"], "web3"]


def test_here_is_the_thread_that_called() -> None:
    def work(place: Place, here: Here) -> tuple[threading.Thread, threading.Thread]:
        return threading.current_thread(), here(threading.current_thread)

    for found in abreast(places(3), work):
        assert not isinstance(found, Exception)
        at, compiled = found
        assert compiled is threading.main_thread()
        assert at is not compiled


def test_an_error_here_is_raised_where_it_was_asked_for() -> None:
    def fail() -> None:
        raise Failed("step-failed", "no")

    def work(place: Place, here: Here) -> str:
        with pytest.raises(Failed):
            here(fail)
        return "went on"

    assert abreast(places(2), work) == ["went on", "went on"]


def test_ctrl_c_here_waits_for_nobody() -> None:
    never = threading.Event()

    def interrupt() -> None:
        raise KeyboardInterrupt

    def work(place: Place, here: Here) -> None:
        here(interrupt)
        never.wait()

    with pytest.raises(KeyboardInterrupt):
        abreast(places(2), work)
    never.set()
