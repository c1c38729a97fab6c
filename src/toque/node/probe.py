"""A question over an app's unix socket, and what counts as a good answer.

It opens the app's socket and writes nothing but one request.
"""

import http.client
import socket
from dataclasses import dataclass

from .unixhttp import UnixConnection

MOST_BODY = 8 << 20  # bytes; a health page that is longer says nothing more


@dataclass(frozen=True)
class Answer:
    """What came back: ``status`` is 0 and ``fault`` says why when nothing usable did."""

    status: int = 0
    reason: str = ""
    length: int = 0  # bytes of body
    fault: str = ""

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


def ask(path: str, host: str, page: str = "/", *, timeout_s: float = 10.0) -> Answer:
    """GET ``page`` as a visitor of ``host``, through the socket at ``path``; never raises.

    The whole body is read and counted: an answer that is cut short is not a good one.
    """
    connection = UnixConnection(path, timeout_s)
    status, reason = 0, ""
    try:
        connection.putrequest("GET", page, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host)
        connection.putheader("X-Forwarded-Proto", "http")
        connection.putheader("User-Agent", "toque-health")
        connection.putheader("Connection", "close")
        connection.endheaders()
        response = connection.getresponse()
        status, reason = response.status, response.reason
        length = 0
        while length <= MOST_BODY:
            part = response.read(65536)  # raises IncompleteRead on a chunked body cut short
            if not part:
                break
            length += len(part)
        left = response.length  # what Content-Length promised and did not come
        if left and length <= MOST_BODY:
            return Answer(status, reason, length, f"a body cut short: {left} bytes are missing")
        return Answer(status, reason, length)
    except http.client.IncompleteRead as error:
        return Answer(status, reason, len(error.partial), "a body cut short")
    except socket.timeout:
        return Answer(status, reason, fault=f"no answer within {timeout_s:g} s")
    except FileNotFoundError:
        return Answer(fault="no socket")
    except ConnectionRefusedError:
        return Answer(fault="nobody listens on the socket")
    except http.client.RemoteDisconnected:
        return Answer(status, reason, fault="the connection was closed without an answer")
    except http.client.HTTPException as error:
        return Answer(status, reason, fault=f"not HTTP: {error!r}")
    except OSError as error:
        return Answer(status, reason, fault=str(error))
    finally:
        connection.close()
