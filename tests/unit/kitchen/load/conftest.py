"""A server on loopback that misbehaves as told by the path."""

from __future__ import annotations

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
