"""Bytes from an http or https address, in parts; what they are worth the caller decides.

Only what ``http.client`` does: no proxies from the environment, no other schemes, no files.
"""

import contextlib
import http.client
import socket
import threading
from typing import Iterator, Optional, Tuple
from urllib.parse import urljoin

from .errors import StepFailed
from .probe import parts

PART = 1 << 16  # bytes
MOST_HOPS = 5  # redirects; curl and browsers go on longer, download sites need two
MOVED = (301, 302, 303, 307, 308)
# A connection may wait longer than all may take: so it is the deadline which says why it ended.
LATER_S = 1.0


def fetch(url: str, *, timeout_s: float) -> Iterator[bytes]:
    """The body of what is at ``url``.

    ``timeout_s`` is for all of it: a server that sends a byte now and then does not hold the run.
    A redirect is followed to https, or from http to http, and nowhere else.  Certificates are
    always verified.  Raises ``StepFailed("download-failed")``.
    """
    with _Deadline(timeout_s) as deadline:
        at = url
        for _ in range(MOST_HOPS + 1):
            try:
                connection, response = _asked(at, deadline)
                with contextlib.closing(connection), contextlib.closing(response):
                    if response.status in MOVED:
                        at = _moved(url, at, response.getheader("Location", ""))
                        continue
                    if response.status != 200:
                        raise _failed(url, f"{response.status} {response.reason}")
                    while part := response.read(PART):
                        yield part
                    if deadline.passed:
                        raise TimeoutError
                    if response.length:
                        raise _failed(url, f"it ended {response.length} bytes too early")
                    return
            except (OSError, http.client.HTTPException, ValueError) as error:
                if deadline.passed:
                    raise _failed(url, f"no end within {timeout_s:g} s") from error
                raise _failed(url, str(error) or type(error).__name__) from error
        raise _failed(url, f"more than {MOST_HOPS} redirects")


class _Deadline:
    """Ends whatever connection is open when the time is over, wherever it waits."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self.passed = False
        self._open: Optional[http.client.HTTPConnection] = None
        self._timer = threading.Timer(timeout_s, self._end)
        self._timer.daemon = True

    def __enter__(self) -> "_Deadline":
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()

    def watch(self, connection: http.client.HTTPConnection) -> None:
        """This is the connection now, connected or not yet."""
        self._open = connection
        if self.passed:
            raise TimeoutError

    def _end(self) -> None:
        self.passed = True
        connected = self._open.sock if self._open is not None else None
        if connected is not None:
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)


def _asked(
    url: str, deadline: _Deadline
) -> Tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    scheme, name, port, page = parts(url)
    if scheme == "https":
        import ssl

        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            name, port, timeout=deadline.timeout_s + LATER_S, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(name, port, timeout=deadline.timeout_s + LATER_S)
    try:
        deadline.watch(connection)
        connection.connect()
        connection.request("GET", page, headers={"User-Agent": "toque", "Connection": "close"})
        return connection, connection.getresponse()
    except BaseException:
        connection.close()
        raise


def _moved(asked: str, at: str, location: str) -> str:
    """Where a redirect leads, if it may be followed."""
    to = urljoin(at, location)
    was, scheme = at.partition(":")[0], to.partition(":")[0]
    if not location or scheme not in ("https", was):
        raise _failed(asked, f"a redirect from {was} to {to!r}")
    return to


def _failed(url: str, found: str) -> StepFailed:
    return StepFailed(
        "download-failed",
        f"{url} could not be downloaded; what was there before is unchanged",
        expected="200 and a whole body, over http or https",
        found=found,
        hint=f"try on the node: curl -v -o /dev/null {url}",
    )
