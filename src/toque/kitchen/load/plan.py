"""What a load is to be, and what it may never be: aimed at somebody else's machine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from toque.errors import AskedWrongly

MOST_PER_S = 2000.0
MOST_WORKERS = 64
MOST_REQUESTS = 1_000_000
MOST_SECONDS = 3600.0


@dataclass(frozen=True)
class Ask:
    """A request with ``body``, and the regular expression that its whole answer must match."""

    path: str
    pattern: str
    method: str = "GET"
    body: bytes = b""


@dataclass(frozen=True)
class LoadPlan:
    """GET each path of ``expect`` and send each of ``asks`` in turn, ``rate_per_s`` times a second.

    With a rate of 0 each worker sends its next request when the last one is answered.

    ``expect`` maps a path to a regular expression that its whole body must match (``.`` matches
    line ends too).  ``address`` is a loopback address, or a private one that is named in
    ``allowed``: the address of a machine that the kitchen made.  The load ends by itself after
    ``max_requests`` or ``max_seconds``, whichever comes first.
    """

    address: str
    port: int
    expect: Mapping[str, str]
    asks: Sequence[Ask] = ()
    host_header: str = ""
    rate_per_s: float = 50.0
    connections_keepalive: int = 4
    connections_new: int = 4
    max_requests: int = 100_000
    max_seconds: float = 300.0
    timeout_s: float = 20.0  # for each wait on the socket; more than nginx's own for one request
    allowed: frozenset[str] = field(default=frozenset())

    @property
    def requests(self) -> tuple[Ask, ...]:
        """All kinds, in their order."""
        return (*(Ask(path, pattern) for path, pattern in self.expect.items()), *self.asks)

    @property
    def workers(self) -> int:
        return self.connections_keepalive + self.connections_new

    def validate(self) -> None:
        """Raise ``AskedWrongly`` for a load that is not ours to make, or that has no bounds."""
        if not may_be_loaded(self.address, self.allowed):
            raise AskedWrongly(
                "load-address-refused",
                f"no load is sent to {self.address}",
                expected="a loopback address, or the private address of a kitchen machine",
                found=self.address,
                hint="toque kitchen list",
            )
        for name, low, value, high in (
            ("rate_per_s", 0.0, self.rate_per_s, MOST_PER_S),
            ("workers", 1, self.workers, MOST_WORKERS),
            ("max_requests", 1, self.max_requests, MOST_REQUESTS),
            ("max_seconds", 0.1, self.max_seconds, MOST_SECONDS),
            ("number of paths", 1, len(self.requests), 1000),
        ):
            if not low <= value <= high:
                raise AskedWrongly(
                    "load-without-bounds",
                    f"the load's {name} is out of bounds",
                    expected=f"{low:g} to {high:g}",
                    found=f"{value:g}",
                )
        for ask in self.requests:
            try:
                re.compile(ask.pattern)
            except re.error as error:
                raise AskedWrongly(
                    "load-pattern-invalid",
                    f"the pattern for {ask.path} is not a regular expression",
                    expected="a regular expression that the whole body matches",
                    found=f"{ask.pattern!r}: {error}",
                ) from error


def may_be_loaded(address: str, allowed: frozenset[str]) -> bool:
    """Loopback always; a private address when it is one of ``allowed``; a name never."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return ip.is_loopback or (ip.is_private and not ip.is_unspecified and address in allowed)
