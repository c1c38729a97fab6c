"""Apps of a few lines, imported as a rehearsal imports them, and the servers that they talk to."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import uv

from toque.node.finding import Finding
from toque.node.fitness import Served, judged
from toque.node.inside import started

LOCK = Path(__file__).parents[1] / "apps" / "requirements.txt"
CACHE = Path.home() / ".cache"  # the user's own: whatever a test makes of XDG_CACHE_HOME


def python_with_packages() -> Path:
    """A Python that has what the lock of tests/apps names; made once per lock and user."""
    what = f"{sys.version} {LOCK.read_text()}"
    place = CACHE / "toque-tests" / f"apps-{hashlib.sha256(what.encode()).hexdigest()[:12]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{place}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            environ = {**os.environ, "UV_CACHE_DIR": str(CACHE / "uv")}
            for argv in (
                ["venv", "-q", "--clear", "--python", sys.executable, str(place)],
                ["pip", "install", "-q", "--compile-bytecode", "--require-hashes",
                 "--python", str(place / "bin/python"), "-r", str(LOCK)],
            ):  # fmt: skip
                subprocess.run([uv.find_uv_bin(), *argv], check=True, env=environ)
            (place / "complete").touch()
    return place / "bin" / "python"


def write(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def told(
    python: Path | str,
    directory: Path,
    entry: str = "wsgi:app",
    *,
    environ: Mapping[str, str] | None = None,
    requires: tuple[str, ...] = (),
    host: str = "www.example.org",
    limit_s: float = 10.0,
) -> dict[str, Any]:
    """What the program of a rehearsal answers about the app in ``directory``."""
    options = {
        "entry": entry,
        "code": str(directory),
        "requires": list(requires),
        "host": host,
        "server": "gunicorn",
        "limit_s": limit_s,
    }
    argv, order = started("importing", str(python), options)
    done = subprocess.run(
        argv,
        input=order,
        cwd=directory,
        env={"PATH": os.environ["PATH"], "HOME": str(directory), **(environ or {})},
        capture_output=True,
        timeout=limit_s + 30,
        check=True,
        start_new_session=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def looked(
    python: Path | str,
    directory: Path,
    entry: str = "wsgi:app",
    *,
    served: Mapping[str, Any] | None = None,
    **asked: Any,
) -> list[Finding]:
    """The findings about an app; ``served`` is how it is served, if not by two of gunicorn's."""
    how: dict[str, Any] = {
        "app": "shop",
        "entry": entry,
        "server": "gunicorn",
        "processes": 2,
        "host": asked.get("host", "www.example.org"),
        "code": str(directory),
        "shared": "/srv/www/shop/shared",
        "interface": "",
        **(served or {}),
    }
    return judged(told(python, directory, entry, **asked), Served(**how))


class Toy:
    """A server on a port of this machine that answers each connection in a thread."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = self._server.accept()
                threading.Thread(target=self._safely, args=(one,), daemon=True).start()

    def _safely(self, one: socket.socket) -> None:
        with one, contextlib.suppress(OSError, struct.error):
            self.answer(one)

    def answer(self, one: socket.socket) -> None:
        while one.recv(4096):
            pass

    def close(self) -> None:
        self._server.close()


class ToyPostgres(Toy):
    """PostgreSQL's protocol 3.0 as far as a connection and empty queries go.

    The database ``gone`` is not there, the user ``wrong`` has another password, ``full`` is too
    many.
    """

    ERRORS: ClassVar = {
        "gone": ("3D000", 'database "gone" does not exist'),
        "wrong": ("28P01", 'password authentication failed for user "wrong"'),
        "nobody": ("28000", 'role "nobody" does not exist'),
        "full": ("53300", "sorry, too many clients already"),
        "starting": ("57P03", "the database system is starting up"),
    }

    def answer(self, one: socket.socket) -> None:
        words: list[str] = []
        while not words:
            (length,) = struct.unpack("!i", self._exactly(one, 4))
            body = self._exactly(one, length - 4)
            (code,) = struct.unpack("!i", body[:4])
            if code in (80877103, 80877104):  # TLS? GSSAPI?  No.
                one.sendall(b"N")
                continue
            words = body[4:].decode().strip("\0").split("\0")
        for name in words:
            if name in self.ERRORS:
                state, text = self.ERRORS[name]
                fields = f"SFATAL\0VFATAL\0C{state}\0M{text}\0\0".encode()
                one.sendall(self._message(b"E", fields))
                return
        settings = {"server_version": "15.0", "client_encoding": "UTF8", "TimeZone": "UTC",
                    "standard_conforming_strings": "on", "integer_datetimes": "on"}  # fmt: skip
        one.sendall(self._message(b"R", struct.pack("!i", 0)))
        for name, value in settings.items():
            one.sendall(self._message(b"S", f"{name}\0{value}\0".encode()))
        one.sendall(self._message(b"K", struct.pack("!ii", 1, 1)) + self._message(b"Z", b"I"))
        while True:
            kind = self._exactly(one, 1)
            (length,) = struct.unpack("!i", self._exactly(one, 4))
            text = self._exactly(one, length - 4).strip(b"\0").upper()
            if kind == b"X":
                return
            if kind == b"Q":
                done = b"BEGIN\0" if text.startswith(b"BEGIN") else b"ROLLBACK\0"
                state = b"T" if text.startswith(b"BEGIN") else b"I"
                one.sendall(self._message(b"C", done) + self._message(b"Z", state))

    @staticmethod
    def _message(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("!i", len(body) + 4) + body

    @staticmethod
    def _exactly(one: socket.socket, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = one.recv(count - len(data))
            if not part:
                raise OSError("closed")
            data += part
        return data


class ToyRedis(Toy):
    """Redis's protocol as far as PING and SUBSCRIBE go; every other command is fine with it."""

    def answer(self, one: socket.socket) -> None:
        with one.makefile("rb") as lines:
            while True:
                head = lines.readline()
                if not head.startswith(b"*"):
                    return
                words = []
                for _ in range(int(head[1:])):
                    words.append(lines.read(int(lines.readline()[1:]))[:64])
                    lines.read(2)
                name = words[0].upper()
                if name == b"HELLO":
                    one.sendall(b"%1\r\n$5\r\nproto\r\n:3\r\n")
                elif name == b"SUBSCRIBE":
                    one.sendall(b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n")
                else:
                    one.sendall(b"+PONG\r\n" if name == b"PING" else b"+OK\r\n")


class ToyHttp(Toy):
    """An HTTP server that keeps its connections."""

    def answer(self, one: socket.socket) -> None:
        while one.recv(4096):
            one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@contextlib.contextmanager
def toys() -> Iterator[dict[str, str]]:
    """One of each; their ports as ``{"POSTGRES": "41234", ...}``."""
    made = {"POSTGRES": ToyPostgres(), "REDIS": ToyRedis(), "HTTP": ToyHttp(), "TCP": Toy()}
    try:
        yield {name: str(toy.port) for name, toy in made.items()}
    finally:
        for toy in made.values():
            toy.close()
