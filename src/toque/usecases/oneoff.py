"""A one-off command on one node: who asks keeps the terminal, the node only gets a token."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ..errors import Failed, Unreachable
from ..fleet.app import App
from .answers import events, raise_refused
from .place import Place

AGENT = "/usr/local/sbin/toque-node"


def attended(
    place: Place, app: App, argv: Sequence[str], *, framework: bool = False, tty: bool, term: str
) -> Sequence[str]:
    """The argument list that runs ``argv`` (with ``framework``, its shell) beside ``app``'s server.

    Raises ``Unreachable``, ``Failed("no-release")``.
    """
    request = {
        "app": app.name,
        "argv": list(argv),
        "shell": framework,
        "entry": app.entry,
        "tty": tty,
        "term": term if re.fullmatch(r"[A-Za-z0-9_.+-]{1,40}", term) else "dumb",
    }
    with place.transport.open(["once"]) as channel:
        channel.send(json.dumps(request).encode())
        for event in events(channel):
            if event.get("code") == "no-release":
                raise Failed(
                    "no-release",
                    f"no release of {app.name} serves on {place.node.name}",
                    expected="a release that serves",
                    found="none",
                    hint=f"toque deploy {app.name}",
                )
            token = str(event.get("token", ""))
            if event.get("type") == "once" and re.fullmatch(r"[0-9a-f]{16}", token):
                return place.transport.attended([AGENT, "once", token], tty=tty)
            raise_refused(event)
    raise Unreachable("node-speaks-wrongly", f"{place.node.name} did not take the command")
