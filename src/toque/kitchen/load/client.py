"""One worker's way to the server: a request, and a verdict on the answer."""

from __future__ import annotations

import http.client
import re
import socket
from dataclasses import dataclass
from enum import Enum

from .plan import Ask, LoadPlan


class Fault(Enum):
    """What was wrong with an answer."""

    NO_ANSWER = "no answer"  # refused, reset, timed out, not HTTP
    STATUS = "status"  # not 200
    TRUNCATED = "truncated"  # shorter than announced, or no length announced at all
    WRONG_BODY = "wrong body"


@dataclass(frozen=True)
class Verdict:
    """How one request went.  ``status`` is 0 when there was no answer; ``fault`` None is good."""

    status: int
    fault: Fault | None = None
    detail: str = ""
    stale: bool = False  # it was repeated on a new connection


class StaleConnection(Exception):
    """A kept connection was closed before any byte of the answer."""


class Client:
    """Sends a worker's requests, on a connection that is kept or on a new one for each."""

    def __init__(self, plan: LoadPlan, *, keep: bool) -> None:
        self._plan = plan
        self._keep = keep
        self._kept: http.client.HTTPConnection | None = None

    def send(self, ask: Ask, pattern: re.Pattern[bytes]) -> Verdict:
        """Ask once; a GET twice when the kept connection turns out to be stale."""
        try:
            return self._ask(ask, pattern, stale=False)
        except StaleConnection as error:
            self.close()
            if ask.method != "GET":
                why = f"a kept connection was closed: {error.__cause__ or 'no byte came'}"
                return Verdict(0, Fault.NO_ANSWER, why)
            return self._ask(ask, pattern, stale=True)

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _ask(self, ask: Ask, pattern: re.Pattern[bytes], *, stale: bool) -> Verdict:
        reused = self._kept is not None
        connection = self._kept or http.client.HTTPConnection(
            self._plan.address, self._plan.port, timeout=self._plan.timeout_s
        )
        self._kept = None
        try:
            self._send(connection, ask, reused=reused)
            response = connection.getresponse()
            verdict = judge(response, pattern, stale=stale)
        except StaleConnection:
            connection.close()
            raise
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            detail = f"{type(error).__name__}: {error}"
            return Verdict(0, Fault.NO_ANSWER, detail, stale)
        if self._keep and not response.will_close and verdict.fault is not Fault.TRUNCATED:
            self._kept = connection
        else:
            connection.close()
        return verdict

    def _send(self, connection: http.client.HTTPConnection, ask: Ask, *, reused: bool) -> None:
        """Send the request and wait for the first byte of an answer, without reading it."""
        headers = {
            "Host": self._plan.host_header or self._plan.address,
            "User-Agent": "toque-load",
            "Connection": "keep-alive" if self._keep else "close",
        }
        try:
            connection.request(ask.method, ask.path, ask.body or None, headers)
            first = connection.sock.recv(1, socket.MSG_PEEK)
        except (ConnectionResetError, BrokenPipeError) as error:
            if reused:
                raise StaleConnection from error
            raise
        if reused and not first:
            raise StaleConnection


def judge(
    response: http.client.HTTPResponse, pattern: re.Pattern[bytes], *, stale: bool
) -> Verdict:
    """Read the whole body and say whether the answer is right."""
    announced = response.length is not None or response.chunked
    try:
        body = response.read()
    except http.client.IncompleteRead as error:
        detail = f"{response.status}, {len(error.partial)} bytes, {error.expected} more announced"
        return Verdict(response.status, Fault.TRUNCATED, detail, stale)
    except OSError as error:
        return Verdict(response.status, Fault.TRUNCATED, f"{response.status}, {error}", stale)
    if response.status != 200:
        return Verdict(response.status, Fault.STATUS, f"{response.status} {response.reason}", stale)
    if not announced:
        detail = f"200, {len(body)} bytes without an announced length"
        return Verdict(response.status, Fault.TRUNCATED, detail, stale)
    if not pattern.fullmatch(body):
        return Verdict(response.status, Fault.WRONG_BODY, f"200 {body[:80]!r}", stale)
    return Verdict(response.status, stale=stale)
