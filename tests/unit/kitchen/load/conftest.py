"""A server on loopback that misbehaves as told by the path."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served = 0  # of this connection

    def do_GET(self) -> None:
        self.served += 1
        getattr(self, "do_" + self.path.strip("/"))()

    def do_POST(self) -> None:
        """The length of what was sent; ``/idle_out`` hangs up on a second request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.served += 1
        if self.path == "/idle_out" and self.served > 1:
            self.close_connection = True
            return
        self.answer(200, f"{len(body)}\n".encode())

    def do_echo(self) -> None:
        """A websocket's texts come back until one says ``cut`` or ``bye``."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.wfile.write(
            f"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        self.close_connection = True
        while True:
            first, second = self.rfile.read(2)
            size = second & 0x7F
            if size == 126:
                size = int.from_bytes(self.rfile.read(2), "big")
            mask = self.rfile.read(4)
            data = bytes(b ^ mask[at % 4] for at, b in enumerate(self.rfile.read(size)))
            if data == b"cut":
                return
            if data == b"bye":
                self.wfile.write(b"\x88\x02\x03\xe9")  # 1001, going away
                return
            length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
            self.wfile.write(bytes([0x89, 0]) + bytes([first]) + length + data)  # a ping before
            if first & 0x0F == 8:
                return
            self.rfile.read(6)  # the pong

    def answer(self, status: int, body: bytes, announced: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if announced is None else announced))
        self.end_headers()
        self.wfile.write(body)

    def do_good(self) -> None:
        self.answer(200, b"hello\nthere\n")

    def do_error(self) -> None:
        self.answer(502, b"hello\nthere\n")

    def do_wrong(self) -> None:
        self.answer(200, b"goodbye\n")

    def do_short(self) -> None:
        self.answer(200, b"hello\n", announced=12)
        self.close_connection = True

    def do_endless(self) -> None:
        """No length announced: nobody can tell whether it was all."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello\nthere\n")
        self.close_connection = True

    def do_chunked(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"6\r\nhello\n\r\n6\r\nthere\n\r\n0\r\n\r\n")

    def do_cut_chunk(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"6\r\nhello\n\r\n")
        self.close_connection = True

    def do_hang_up(self) -> None:
        """Close without a byte, whatever the connection."""
        self.close_connection = True

    def do_idle_out(self) -> None:
        """Answer the first request of a connection; close on the second without a byte."""
        if self.served == 1:
            self.do_good()
        else:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, and which nobody else can take meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
