"""What the use cases need from outside, as small protocols; the real ones are in ``adapters``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, Self


class Channel(Protocol):
    """A running node program: what we send it, what it answers, how it ended.

    The bootstrap is over when one is handed out.  Sending never blocks on the node, so a large
    payload cannot deadlock with the events that come back.  What comes back is hostile until
    parsed: lines and their sum are capped.  Leaving the ``with`` block ends the program.
    """

    @property
    def stderr_tail(self) -> tuple[str, ...]:
        """The last lines of standard error, oldest first, without control characters."""
        ...

    def send(self, line: bytes) -> None:
        """One line; its newline is added."""
        ...

    def send_bytes(self, data: bytes) -> None:
        """Raw bytes, as announced by a line before them."""
        ...

    def lines(self) -> Iterator[bytes]:
        """Complete lines without their newline, until the program ends its output.

        Raises ``Unreachable`` (``connection-lost``, ``node-silent``, ``node-output-too-long``).
        How the program ended otherwise is for ``wait`` to tell.
        """
        ...

    def close_input(self) -> None:
        """Nothing more will be sent; what was sent before still arrives."""
        ...

    def wait(self) -> int:
        """Close the input, drop output not read yet, and return the exit status."""
        ...

    def terminate(self) -> None:
        """End our side now; from any thread, more than once."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *why: object) -> None: ...


class Transport(Protocol):
    """A way to run the node program on one machine."""

    @property
    def name(self) -> str:
        """The node's name, for people."""
        ...

    def open(self, argv: Sequence[str]) -> Channel:
        """Start the node program with ``argv``, shipping it first where it is not there yet.

        Raises ``Unreachable``.
        """
        ...

    def attended(self, words: Sequence[str], *, tty: bool) -> Sequence[str]:
        """The argument list, for a process of ours, that runs constant ``words`` as root there
        with that process's own input and output; on a terminal of its own with ``tty``."""
        ...
