"""A websocket's client (RFC 6455), as much of it as shows that none is cut: text there and back."""

from __future__ import annotations

import base64
import os
import socket
import struct
from dataclasses import dataclass

CONTINUED, TEXT, CLOSE, PING, PONG = 0, 1, 8, 9, 10
MOST_BYTES = 1 << 20  # of one frame


class Ended(OSError):
    """The connection is over.  ``code`` is what its close frame says; 0 when it was just cut."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}" if code else "cut without a close frame")
        self.code = code


@dataclass
class WebSocket:
    """One open websocket."""

    stream: socket.socket
    held: bytes = b""

    @classmethod
    def connect(
        cls, address: str, port: int, path: str, *, host: str = "", timeout_s: float = 20.0
    ) -> WebSocket:
        """Raises ``OSError`` when there is no answer, or another than 101."""
        made = cls(socket.create_connection((address, port), timeout_s))
        try:
            key = base64.b64encode(os.urandom(16)).decode()
            made.stream.sendall(
                f"GET {path} HTTP/1.1\r\nHost: {host or address}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n".encode("ascii")
            )
            while b"\r\n\r\n" not in made.held:
                made._more()
            head, _, made.held = made.held.partition(b"\r\n\r\n")
            status = head.split(b"\r\n")[0].decode("latin-1")
            if " 101 " not in f"{status} ":
                raise ConnectionError(status)
        except OSError:
            made.stream.close()
            raise
        return made

    def ask(self, text: str) -> str:
        """Send ``text`` and wait for the next text.  Raises ``Ended``, ``OSError``."""
        self._send(TEXT, text.encode("utf-8"))
        while True:
            kind, data = self._frame()
            if kind in (TEXT, CONTINUED):
                return data.decode("utf-8")
            if kind == PING:
                self._send(PONG, data)
            elif kind == CLOSE:
                self.stream.close()
                raise Ended(struct.unpack(">H", data[:2])[0] if len(data) >= 2 else 1005)

    def close(self) -> int:
        """Say goodbye and wait for the answer; its code.  Raises ``Ended``, ``OSError``."""
        try:
            self._send(CLOSE, struct.pack(">H", 1000))
            while True:
                kind, data = self._frame()
                if kind == CLOSE:
                    return int(struct.unpack(">H", data[:2])[0]) if len(data) >= 2 else 1005
        finally:
            self.stream.close()

    def _send(self, kind: int, data: bytes) -> None:
        mask = os.urandom(4)
        size = len(data)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
        self.stream.sendall(bytes([0x80 | kind]) + length + mask + masked)

    def _frame(self) -> tuple[int, bytes]:
        first, second = self._take(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(self._take(2 if size == 126 else 8), "big")
        if size > MOST_BYTES:
            raise ConnectionError(f"a frame of {size} bytes")
        return first & 0x0F, self._take(size)

    def _take(self, count: int) -> bytes:
        while len(self.held) < count:
            self._more()
        taken, self.held = self.held[:count], self.held[count:]
        return taken

    def _more(self) -> None:
        data = self.stream.recv(65536)
        if not data:
            self.stream.close()
            raise Ended(0)
        self.held += data
