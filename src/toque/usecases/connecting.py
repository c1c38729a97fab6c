"""A connection that is made while something else is done."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from ..ports import Channel, Transport


class Connecting:
    """Opens a channel in a thread; ``channel`` waits for it, ``leave`` ends it, open or not."""

    def __init__(self, transport: Transport, argv: Sequence[str]) -> None:
        self._transport, self._argv = transport, tuple(argv)
        self._channel: Channel | None = None
        self._trouble: BaseException | None = None
        self._left = False
        # A daemon, since whoever leaves early does not wait for a node that never answers.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def channel(self) -> Channel:
        """The open channel.  Raises ``Unreachable``."""
        self._thread.join()
        if self._channel is None:
            raise self._trouble or RuntimeError("a connection that was never made")
        return self._channel

    def leave(self) -> None:
        """Hang up; one of the two sides sees the other's word, whoever was first."""
        self._left = True
        if self._channel is not None:
            self._channel.__exit__(None, None, None)

    def _run(self) -> None:
        try:
            channel = self._transport.open(self._argv)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._trouble = error
            return
        self._channel = channel
        if self._left:
            channel.__exit__(None, None, None)
