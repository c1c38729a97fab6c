"""A question over HTTP, to an app's unix socket or to an address, and what counts as an answer.

It opens a connection and writes nothing but one request.
"""

import http.client
import os
import socket
from typing import Tuple

from .record import dataclass
from .unixhttp import UnixConnection

MOST_BODY = 8 << 20  # bytes; a health page that is longer says nothing more
KEPT = 1 << 20  # bytes of it that can be looked at
OURS = "toque-"  # how the id of a request begins that no visitor made


@dataclass(frozen=True)
class Answer:
    """What came back: ``status`` is 0 and ``fault`` says why when nothing usable did."""

    status: int = 0
    reason: str = ""
    length: int = 0  # bytes of body
    fault: str = ""
    body: bytes = b""  # its beginning, at most ``KEPT`` bytes
    location: str = ""  # where a redirect leads

    @property
    def good(self) -> bool:
        """A complete answer that a visitor can use: 2xx and 3xx."""
        return not self.fault and 200 <= self.status < 400

    @property
    def said(self) -> str:
        """One phrase for a person."""
        if self.status and self.fault:
            return f"{self.status} {self.reason}, then {self.fault}"
        return self.fault or f"{self.status} {self.reason}".strip()


def ask(
    path: str, host: str, page: str = "/", *, timeout_s: float = 10.0, proto: str = "http"
) -> Answer:
    """GET ``page`` as a visitor of ``host``, through the socket at ``path``; never raises.

    The whole body is read and counted: an answer that is cut short is not a good one.  ``proto``
    is what the visitor came by, as a proxy says it.
    """
    return _asked(UnixConnection(path, timeout_s), host, page, timeout_s, proto=proto)


@dataclass(frozen=True)
class Question:
    """GET ``url`` as a visitor would, whoever its name belongs to: redirects are not followed.

    With ``at``, a unix socket's path or an address, that is where it is asked; the URL then only
    says which site is visited.  A unix socket is asked as a proxy asks it, without TLS.  ``ca`` is
    the path of certificates to trust instead of the machine's own.
    """

    url: str
    at: str = ""
    ca: str = ""


def parts(url: str) -> Tuple[str, str, int, str]:
    """Scheme, name, port and page of a URL.  Raises ``ValueError`` for what cannot be asked."""
    from urllib.parse import urlsplit

    split = urlsplit(url)
    if split.scheme not in ("http", "https") or not split.hostname or split.username is not None:
        raise ValueError("http://name[:port]/page or https, without a user")
    if any(ord(char) <= 32 or ord(char) > 126 for char in url):
        raise ValueError("ASCII without spaces; other characters as %XX")
    port = split.port or (443 if split.scheme == "https" else 80)
    page = (split.path or "/") + (f"?{split.query}" if split.query else "")
    return split.scheme, split.hostname, port, page


def visit(question: Question, *, timeout_s: float = 10.0) -> Answer:
    """Ask, and read the whole answer; never raises."""
    scheme, name, port, page = parts(question.url)
    usual = port == (443 if scheme == "https" else 80)
    host = f"[{name}]" if ":" in name else name
    host = host if usual else f"{host}:{port}"
    if question.at.startswith("/"):
        # As a proxy asks: without TLS, and saying what the visitor came by.
        unix = UnixConnection(question.at, timeout_s)
        return _asked(unix, host, page, timeout_s, proto=scheme)
    connection = http.client.HTTPConnection(question.at or name, port, timeout=timeout_s)
    if scheme == "https":
        try:
            _secure(connection, name, question.ca)
        except OSError as error:
            return Answer(fault=f"{question.ca}: {error}")
    return _asked(connection, host, page, timeout_s)


def _secure(connection: http.client.HTTPConnection, name: str, ca: str) -> None:
    """Make a connection speak TLS as a visitor of ``name``, wherever it leads."""
    import ssl

    context = ssl.create_default_context(cafile=ca or None)
    connect = connection.connect

    def connected() -> None:
        connect()
        connection.sock = context.wrap_socket(connection.sock, server_hostname=name)

    connection.connect = connected  # type: ignore[method-assign]


def accepts(address: str, port: int, *, timeout_s: float = 5.0) -> str:
    """Why nobody accepts a TCP connection there; nothing when somebody does."""
    try:
        socket.create_connection((address, port), timeout_s).close()
    except OSError as error:
        return _words(error, timeout_s)
    return ""


def _asked(
    connection: http.client.HTTPConnection,
    host: str,
    page: str,
    timeout_s: float,
    *,
    proto: str = "",
) -> Answer:
    status, reason, body = 0, "", b""
    try:
        connection.putrequest("GET", page, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host)
        if proto:
            connection.putheader("X-Forwarded-Proto", proto)
            # A unix socket has no address of its own, and some apps refuse a visitor without one.
            connection.putheader("X-Forwarded-For", "127.0.0.1")
        connection.putheader("User-Agent", "toque-health")
        connection.putheader("X-Request-ID", OURS + os.urandom(8).hex())
        connection.putheader("Connection", "close")
        connection.endheaders()
        response = connection.getresponse()
        status, reason = response.status, response.reason
        location = response.getheader("Location", "") if 300 <= status < 400 else ""
        length = 0
        while length <= MOST_BODY:
            part = response.read(65536)  # raises IncompleteRead on a chunked body cut short
            if not part:
                break
            length += len(part)
            body += part[: KEPT - len(body)]
        left = response.length  # what Content-Length promised and did not come
        if left and length <= MOST_BODY:
            fault = f"a body cut short: {left} bytes are missing"
            return Answer(status, reason, length, fault, body)
        return Answer(status, reason, length, body=body, location=location or "")
    except http.client.IncompleteRead as error:
        return Answer(status, reason, len(error.partial), "a body cut short")
    except http.client.RemoteDisconnected:
        return Answer(status, reason, fault="the connection was closed without an answer")
    except http.client.HTTPException as error:
        return Answer(status, reason, fault=f"not HTTP: {error!r}")
    except OSError as error:
        return Answer(status, reason, fault=_words(error, timeout_s))
    finally:
        connection.close()


def _words(error: OSError, timeout_s: float) -> str:
    """Why a connection came to nothing."""
    if isinstance(error, socket.timeout):
        return f"no answer within {timeout_s:g} s"
    if isinstance(error, FileNotFoundError):
        return "no socket"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, socket.gaierror):
        return f"its name has no address: {error.strerror}"
    return str(error)
