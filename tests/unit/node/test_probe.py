"""Questions over HTTP, to servers of this process."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any, Iterator, List

import pytest

from toque.node.probe import Question, accepts, parts, visit


class Page(BaseHTTPRequestHandler):
    """Says how it was asked."""

    def do_GET(self) -> None:
        proto = self.headers.get("X-Forwarded-Proto", "none")
        body = f"{self.headers['Host']} {self.path} {proto}".encode()
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body) + (5 if self.path == "/short" else 0)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        pass

    def address_string(self) -> str:
        return "unix"


def serving(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def port() -> Iterator[int]:
    for server in serving(HTTPServer(("127.0.0.1", 0), Page)):
        yield server.server_address[1]


@pytest.fixture
def path(tmp_path: Path) -> Iterator[str]:
    for _ in serving(UnixStreamServer(str(tmp_path / "s"), Page)):
        yield str(tmp_path / "s")


def unused_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        free: int = one.getsockname()[1]
    return free


def test_an_address_is_asked_as_a_visitor_asks(port: int) -> None:
    answer = visit(Question(f"http://127.0.0.1:{port}/a?b=c"))

    assert (answer.status, answer.good) == (200, True)
    assert answer.body == f"127.0.0.1:{port} /a?b=c none".encode()


def test_another_address_is_asked_for_the_site_of_the_url(port: int) -> None:
    answer = visit(Question(f"http://site.example:{port}/", at="127.0.0.1"))

    assert answer.body == f"site.example:{port} / none".encode()


def test_a_unix_socket_is_asked_as_a_proxy_asks(path: str) -> None:
    answer = visit(Question("https://site.example/health", at=path))

    assert answer.body == b"site.example /health https"


def test_a_redirect_is_the_answer(port: int) -> None:
    assert visit(Question(f"http://127.0.0.1:{port}/away")).status == 302


def test_what_goes_wrong_is_said(port: int, tmp_path: Path) -> None:
    said: List[str] = [
        visit(Question(url, at=at)).said
        for url, at in [
            (f"http://127.0.0.1:{unused_port()}/", ""),
            ("http://site.example/", str(tmp_path / "none")),
            (f"http://127.0.0.1:{port}/short", ""),
            (f"https://127.0.0.1:{port}/", ""),
        ]
    ]

    assert said[:2] == ["nobody listens there", "no socket"]
    assert "5 bytes are missing" in said[2]
    assert "SSL" in said[3].upper()


def test_certificates_that_cannot_be_read_are_no_crash(port: int) -> None:
    answer = visit(Question(f"https://127.0.0.1:{port}/", ca="/nowhere.pem"))

    assert answer.fault.startswith("/nowhere.pem: ")


def test_accepts_says_why_nobody_does(port: int) -> None:
    assert accepts("127.0.0.1", port) == ""
    assert accepts("127.0.0.1", unused_port()) == "nobody listens there"


@pytest.mark.parametrize(
    "url",
    ["ftp://x/", "x", "http:///x", "http://u@x/", "http://x/a b", "http://x/\n", "http://x:y/"],
)
def test_what_cannot_be_asked_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        parts(url)
