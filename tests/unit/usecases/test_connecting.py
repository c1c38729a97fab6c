"""A connection made in the background is had, or its error is, by whoever waits for it."""

import threading

import pytest

from toque.adapters.memory import MemoryChannel, MemoryTransport
from toque.errors import Unreachable
from toque.usecases.connecting import Connecting


class Slow(MemoryTransport):
    """Connects when ``gate`` is opened."""

    def __init__(self) -> None:
        super().__init__(lambda argv, stdin, stdout: len(stdin.read()))
        self.gate = threading.Event()
        self.left = threading.Event()

    def open(self, argv: object) -> MemoryChannel:
        self.gate.wait(30)
        channel = super().open(["facts"])
        leave = channel.__exit__

        def exited(*why: object) -> None:
            leave(*why)
            self.left.set()

        channel.__exit__ = exited  # type: ignore[method-assign]
        return channel


def test_the_channel_is_waited_for() -> None:
    transport = Slow()
    connecting = Connecting(transport, ["facts"])
    threading.Timer(0.05, transport.gate.set).start()

    with connecting.channel as channel:
        assert channel.wait() == 0


def test_an_error_is_raised_where_the_channel_is_wanted() -> None:
    class Broken(MemoryTransport):
        def open(self, argv: object) -> MemoryChannel:
            raise Unreachable("host-unreachable", "no")

    connecting = Connecting(Broken(lambda *_: 0), ["facts"])

    for _ in range(2):
        with pytest.raises(Unreachable):
            connecting.channel  # noqa: B018 - asking is what raises


def test_who_leaves_early_does_not_wait_and_the_connection_is_closed_later() -> None:
    transport = Slow()
    connecting = Connecting(transport, ["facts"])

    connecting.leave()
    assert not transport.left.is_set()
    transport.gate.set()

    assert transport.left.wait(30)
