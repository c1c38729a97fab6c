"""The transport without a machine: a node program called in a thread of this process."""

from __future__ import annotations

import io
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import BinaryIO, Self, cast

Main = Callable[[list[str], BinaryIO, BinaryIO], int | None]
Parts = SimpleQueue[bytes | None]


class MemoryTransport:
    """Runs ``main(argv, stdin, stdout)``, the shape of ``toque.node.__main__.main``.

    ``opened`` remembers every ``argv``.
    """

    def __init__(self, main: Main, name: str = "memory") -> None:
        self.name = name
        self.opened: list[tuple[str, ...]] = []
        self._main = main

    def open(self, argv: Sequence[str]) -> MemoryChannel:
        self.opened.append(tuple(argv))
        return MemoryChannel(self._main, argv)

    def attended(self, words: Sequence[str], *, tty: bool) -> tuple[str, ...]:
        return ("tty" if tty else "pipe", *words)


class MemoryChannel:
    """A ``Channel`` over two queues, with the same promises as the one over pipes."""

    def __init__(self, main: Main, argv: Sequence[str]) -> None:
        self._in: Parts = SimpleQueue()
        self._out: Parts = SimpleQueue()
        self._status: int | None = None
        self._error = ""
        self._ended = False
        self._thread = threading.Thread(target=self._run, args=(main, list(argv)), daemon=True)
        self._thread.start()

    @property
    def stderr_tail(self) -> tuple[str, ...]:
        return tuple(self._error.splitlines()[-20:])

    def send(self, line: bytes) -> None:
        self._in.put(line + b"\n")

    def send_bytes(self, data: bytes) -> None:
        if data:
            self._in.put(data)

    def lines(self) -> Iterator[bytes]:
        rest = b""
        while not self._ended:
            part = self._out.get()
            if part is None:
                self._ended = True
                return
            *whole, rest = (rest + part).split(b"\n")
            yield from whole

    def close_input(self) -> None:
        self._in.put(None)

    def wait(self) -> int:
        self.close_input()
        self._thread.join()
        return 1 if self._status is None else self._status

    def terminate(self) -> None:
        """A thread cannot be ended from outside: its input is."""
        self.close_input()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        self.wait()

    def _run(self, main: Main, argv: list[str]) -> None:
        source = io.BufferedReader(_Source(self._in))
        try:
            self._status = main(argv, cast(BinaryIO, source), cast(BinaryIO, _Sink(self._out)))
            self._status = self._status or 0
        except SystemExit as end:
            self._status = end.code if isinstance(end.code, int) else 1
        except Exception:  # noqa: BLE001 -- a node program's traceback goes to its standard error
            self._error = traceback.format_exc()
        finally:
            self._out.put(None)


class _Source(io.RawIOBase):
    """A queue of bytes as a stream to read; None is its end."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._rest = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest and not self._ended:
            part = self._parts.get()
            self._ended = part is None
            self._rest = part or b""
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


class _Sink(io.RawIOBase):
    """A stream to write as a queue of bytes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._parts.put(bytes(data))
        return len(data)
