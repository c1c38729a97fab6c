"""Answers over HTTP: asked from inside the machine, and as a visitor from this host."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from . import probe
from .ask import Ask, NotSeen
from .text import decoded, encoded, short

WITHIN_S = 10.0


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def __repr__(self) -> str:
        kind = self.headers.get("content-type", "no type")
        return f"<{self.status}, {kind}, {len(self.body)} bytes: {short(self.text)}>"


@dataclass(frozen=True)
class Request:
    """What is asked for; ``headers`` have the one that says the host."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | str
    tls: bool


def inside(ask: Ask, asked: Request, where: int | str) -> Answer:
    """``where`` is a port of loopback, or a socket's path."""
    return _answer(ask("answer", where, _words(asked)))


def outside(asked: Request, address: str, port: int) -> Answer:
    """From this host.  Raises ``NotSeen`` when nobody answers there."""
    try:
        made = socket.create_connection((address, port), WITHIN_S)
        return _answer(probe.exchange(made, _words(asked)))
    except (OSError, http.client.HTTPException) as error:
        raise NotSeen(f"{address}:{port} does not answer {asked.path}: {error}") from error


def _words(asked: Request) -> dict[str, Any]:
    more = {"headers": dict(asked.headers), "body": encoded(asked.body), "timeout": WITHIN_S}
    return {**asdict(asked), **more}


def _answer(value: Mapping[str, Any]) -> Answer:
    return Answer(value["status"], value["headers"], decoded(value["body"]))
