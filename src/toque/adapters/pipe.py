"""A node program at the other end of a subprocess: the ``Channel`` of every transport.

Nothing here can deadlock with the node: a thread writes, a thread drains standard error, and the
caller reads.  Nothing here grows with what a hostile node sends: see the three limits.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from time import monotonic
from typing import Self

from toque.errors import Unreachable

LINE_LIMIT = 8 << 20  # bytes; an event with the longest diff is far below
TOTAL_LIMIT = 256 << 20  # bytes of all output of one run
STDERR_LIMIT = 64 << 10  # bytes kept, the last ones
SILENCE_S = 45.0  # the node tells every 10 s that it is there
LAST_WORDS_S = 10.0  # after its output ended, how long a program may take to end

#: Standard error and exit status -> what went wrong, or None when it was no matter of transport.
Explain = Callable[[str, int], Unreachable | None]


def clean(text: str) -> str:
    """``text`` with nothing in it that moves a terminal's cursor or colours it."""
    return "".join(c if c.isprintable() or c == "\n" else "" for c in text)


class PipeChannel:
    """A program of ``starting.started`` as a ``Channel``; ``explain`` is asked when it ends."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        *,
        explain: Explain,
        line_limit: int = LINE_LIMIT,
        total_limit: int = TOTAL_LIMIT,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._explain = explain
        self._line_limit = line_limit
        self._room = total_limit
        self._silence_s = silence_s
        self._buffer = bytearray()
        self._searched = 0
        self._ended = False
        self._outbox: SimpleQueue[bytes | None] = SimpleQueue()
        self._error = bytearray()
        self._process = process
        self._threads = [
            threading.Thread(target=task, daemon=True) for task in (self._write, self._drain)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def stderr(self) -> str:
        """The last 64 KiB of standard error."""
        return clean(bytes(self._error).decode("utf-8", "replace"))

    @property
    def stderr_tail(self) -> tuple[str, ...]:
        return tuple(line for line in self.stderr.splitlines() if line.strip())[-20:]

    def send(self, line: bytes) -> None:
        self._outbox.put(line + b"\n")

    def send_bytes(self, data: bytes) -> None:
        self._outbox.put(data)

    def close_input(self) -> None:
        self._outbox.put(None)

    def lines(self) -> Iterator[bytes]:
        while (line := self._heard()) is not None:
            yield line
        problem = self._explain(self.stderr, self.wait())
        if problem is not None:
            raise problem

    def _heard(self) -> bytes | None:
        """The next line of a program that lives.  Raises ``Unreachable("node-silent")``."""
        try:
            return self.read_line(silence_s=self._silence_s)
        except TimeoutError:
            self.terminate()
            raise Unreachable(
                "node-silent",
                "the connection stands but the node does not answer",
                expected=f"a sign of life within {self._silence_s:g} s",
                found="nothing",
                hint="look at the node's load, memory and disks",
                log=self.stderr_tail,
            ) from None

    def read_line(
        self, timeout_s: float | None = None, *, silence_s: float | None = None
    ) -> bytes | None:
        """The next complete line, or None at the end.

        Raises ``TimeoutError`` when there is none by ``timeout_s``, or no byte for ``silence_s``.
        """
        deadline = None if timeout_s is None else monotonic() + timeout_s
        while True:
            if silence_s is not None:
                deadline = monotonic() + silence_s
            end = self._buffer.find(b"\n", self._searched)
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                self._searched = 0
                return line
            self._searched = len(self._buffer)
            if len(self._buffer) > self._line_limit:
                raise self._too_long(f"a line longer than {self._line_limit} bytes")
            chunk = self._read(deadline)
            if not chunk:
                return None  # half a line is no line: the end was cut off
            self._buffer += chunk

    def wait(self) -> int:
        self.close_input()
        self._buffer.clear()
        self._searched = 0
        while self._read(None):
            pass
        try:
            self._process.wait(LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self.terminate()
        self._shut()
        return self._process.returncode

    def terminate(self) -> None:
        self.close_input()
        for how, patience_s in ((signal.SIGTERM, 2.0), (signal.SIGKILL, None)):
            if self._process.poll() is not None:
                return
            try:
                os.killpg(self._process.pid, how)
                self._process.wait(patience_s)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        self.terminate()
        self._shut()

    def _shut(self) -> None:
        """After the end: let go of threads and descriptors."""
        self._ended = True
        for thread in self._threads:
            # What the program left running may hold standard error open: no reason to wait.
            thread.join(1.0)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self, deadline: float | None) -> bytes:
        """Some output, counted; empty at the end."""
        stream = self._process.stdout
        if stream is None or stream.closed or self._ended:
            return b""
        if deadline is not None:
            poll = select.poll()
            poll.register(stream, select.POLLIN)
            if not poll.poll(max(0.0, deadline - monotonic()) * 1000):
                raise TimeoutError
        chunk: bytes = os.read(stream.fileno(), 1 << 16)
        self._ended = not chunk
        self._room -= len(chunk)
        if self._room < 0:
            raise self._too_long("more output than one run may have")
        return chunk

    def _too_long(self, found: str) -> Unreachable:
        self.terminate()
        self._ended = True
        self._buffer.clear()
        return Unreachable(
            "node-output-too-long",
            "the node sent more than any run of ours does, so we hung up",
            expected=f"lines up to {self._line_limit >> 20} MiB",
            found=found,
            log=self.stderr_tail,
        )

    def _write(self) -> None:
        """Thread: everything sent, in order, then the end of input."""
        stream = self._process.stdin
        if stream is None:
            return
        try:
            while (data := self._outbox.get()) is not None:
                rest = memoryview(data)
                while rest:
                    rest = rest[stream.write(rest) :]
        except OSError:
            pass  # the program is gone; its output and status tell why
        with suppress(OSError):
            stream.close()

    def _drain(self) -> None:
        """Thread: standard error, of which the end is kept."""
        stream = self._process.stderr
        if stream is None:
            return
        with stream:
            while chunk := stream.read(1 << 14):
                self._error += chunk
                del self._error[: max(0, len(self._error) - STDERR_LIMIT)]
