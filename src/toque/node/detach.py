"""A walk that outlives the connection it was asked for on."""

import json
import os
import select
import signal
import time
from io import BufferedReader
from typing import Any, BinaryIO, Callable, Mapping, Optional

Say = Callable[[Mapping[str, Any]], None]

LINGER_S = 0.05  # the longest that an event without news is kept back
PATIENCE_S = 20.0  # as long as ssh takes to notice that the other side is gone


def detached(
    work: Callable[["Recorder"], None], directory: str, lock: int, stdin: BinaryIO, say: Any
) -> int:
    """Fork the walk into a session of its own; copy its events until it ends."""
    reader, writer = os.pipe()
    # A stop that comes before the walk can hear it waits until it can.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    child = os.fork()
    if child == 0:
        status = 70
        try:
            os.close(reader)
            os.setsid()
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            _redirect(directory)
            work(Recorder(os.path.join(directory, "events.jsonl"), writer))
            status = 0
        except BaseException:  # noqa: BLE001 - nothing may unwind into the parent's frames
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.close(writer)
    os.close(lock)
    if b'"stop"' in _read_ahead(stdin):
        os.kill(child, signal.SIGTERM)
    _copy(reader, child, say)
    return 0


def _read_ahead(stdin: BinaryIO) -> bytes:
    """What came behind the order and is in our buffer already, where ``select`` cannot see it."""
    os.set_blocking(0, False)
    try:
        return stdin.peek(1) if isinstance(stdin, BufferedReader) else b""
    finally:
        os.set_blocking(0, True)


def _redirect(directory: str) -> None:
    """Take the child's standard streams away from the connection."""
    null = os.open(os.devnull, os.O_RDONLY)
    errors = os.open(
        os.path.join(directory, "stderr"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
    )
    os.dup2(null, 0)
    os.dup2(errors, 1)
    os.dup2(errors, 2)


def _copy(reader: int, child: int, say: Any) -> None:
    """Events from the child to the wire; a ``stop`` line from the wire to the child."""
    watched = [reader, 0]
    while True:
        ready = select.select(watched, [], [])[0]
        if 0 in ready:
            asked = os.read(0, 65536)
            if b'"stop"' in asked:
                os.kill(child, signal.SIGTERM)
            if not asked:
                watched.remove(0)
        if reader in ready:
            data = os.read(reader, 1 << 16)
            if not data:
                break
            say.line(data)
            if say.gone:
                return
    os.waitpid(child, 0)


class Recorder:
    """Writes events to the node's disk, and to the wire while somebody takes them.

    Neither may hold up or end the walk: a full disk silences the record, a connection that stands
    still is given up after ``PATIENCE_S`` (the controller attaches again and reads the record).
    That a step begins is told when it takes long or does something: most end at once as they were.
    """

    def __init__(self, path: str, wire: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self.disk: Optional[int] = os.open(path, flags, 0o600)
        self.wire: Optional[int] = wire
        self._waiting = b""
        self._begun: Optional[Mapping[str, Any]] = None  # a step that nobody was told of yet
        self._flushed = time.monotonic()
        os.set_blocking(wire, False)

    def __call__(self, event: Mapping[str, Any]) -> None:
        # What went as it should can wait for its neighbours: a write for each costs more than
        # the look at most things does.
        quiet = True
        if event["type"] == "step":
            self._begun = event
        elif event.get("outcome", {}).get("status") == "ok":
            self._begun = None
            self._add(event)
        else:
            quiet = False
            self._tell_begun()
            self._add(event)
        if not quiet or time.monotonic() > self._flushed + LINGER_S:
            self.flush(last=event["type"] == "report")

    def flush(self, *, last: bool = False) -> None:
        """Let out what waits; to be called before anything that may take long."""
        self._tell_begun()
        data, self._waiting = self._waiting, b""
        self._flushed = time.monotonic()
        if data:
            self._record(data, last=last)
            self._send(data)

    def _tell_begun(self) -> None:
        if self._begun is not None:
            self._add(self._begun)
            self._begun = None

    def _add(self, event: Mapping[str, Any]) -> None:
        self._waiting += json.dumps(event).encode("utf-8") + b"\n"

    def _record(self, data: bytes, last: bool) -> None:
        if self.disk is None:
            return
        try:
            while data:
                data = data[os.write(self.disk, data) :]
            if last:
                os.fsync(self.disk)
        except OSError as error:
            os.write(2, f"events can no longer be recorded: {error}\n".encode())
            self.disk = None

    def _send(self, data: bytes) -> None:
        while self.wire is not None and data:
            try:
                data = data[os.write(self.wire, data) :]
            except BlockingIOError:
                if not select.select([], [self.wire], [], PATIENCE_S)[1]:
                    self._hang_up()
            except BrokenPipeError:
                self._hang_up()

    def _hang_up(self) -> None:
        if self.wire is not None:
            os.close(self.wire)
        self.wire = None
