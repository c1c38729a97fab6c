"""Where a node is: host, user, port and key, checked so that none can be read as an option."""

from __future__ import annotations

import re
from pathlib import Path

from toque.errors import AskedWrongly
from toque.node.record import dataclass

# No leading dash (an option), nothing a shell, ssh or known_hosts reads as more than a name.
HOST = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:-]{0,252}(%[A-Za-z0-9_.-]{1,32})?")
NAME = re.compile(r"[a-z0-9_:][a-z0-9_.:-]{0,252}")
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")
PARTS = re.compile(
    r"(?:ssh://)?(?:(?P<user>[^\s]*)@)?(?:\[(?P<v6>[^\]\s]+)\]|(?P<host>[^:\s\[\]]+))(?::(?P<port>\d{1,5}))?"
)


@dataclass(frozen=True)
class Target:
    """One machine to log in to.

    ``name`` is the node's name and the name its host key is pinned under.  Empty ``user`` and
    ``port`` of None leave both to the user's ssh configuration.
    """

    name: str
    host: str
    user: str = ""
    port: int | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        for what, value, rule in (
            ("name", self.name, NAME),
            ("host", self.host, HOST),
            ("user", self.user or "_", USER),
        ):
            if not rule.fullmatch(value):
                raise _bad(f"{what} {value!r}")
        if self.port is not None and not 0 < self.port < 65536:
            raise _bad(f"port {self.port}")

    @property
    def address(self) -> str:
        """``user@host:port`` as one types it; parts left to ssh are left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            (f"{self.user}@" if self.user else "")
            + host
            + (f":{self.port}" if self.port is not None else "")
        )


def parse_target(text: str, name: str = "", key: Path | None = None) -> Target:
    """``root@host:2222``, ``host``, ``[::1]:2222`` or an alias of the user's ssh configuration.

    ``name`` defaults to the host in lower case.  Raises ``AskedWrongly("bad-target")``.
    """
    bare_v6 = text.count(":") > 1 and "[" not in text and "@" not in text and "/" not in text
    parts = PARTS.fullmatch(f"[{text}]" if bare_v6 else text)
    if parts is None:
        raise _bad(repr(text))
    host = parts["v6"] or parts["host"]
    port = int(parts["port"]) if parts["port"] else None
    name = name or re.sub(r"%.*", "", host).lower()
    return Target(name, host, parts["user"] or "", port, key)


def _bad(found: str) -> AskedWrongly:
    return AskedWrongly(
        "bad-target",
        "this is no address of a machine",
        expected="[user@]host[:port] of letters, digits, dots and dashes",
        found=found,
        hint="write it like root@web1.example.org:22",
    )
