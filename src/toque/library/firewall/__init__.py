"""Which new connections a machine takes: SSH, the web, and what is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from toque import Command, Cookbook, File, Firewall, FirewallRule, Guard, Package, Recipe
from toque.library import nginx
from toque.node.resources.firewall import STORED

SYSTEMD = Guard("fact", ["init", "systemd"])  # the firewall itself refuses where it does not run
WEB = (80, 443)
LISTENERS = "/usr/local/sbin/toque-listeners"  # who would be cut off


@dataclass(frozen=True)
class Opening:
    """``ports`` are numbers or ranges such as ``8000-8100``; ``sources`` are addresses or networks
    of IPv4 or IPv6, none for everybody."""

    ports: tuple[int | str, ...]
    sources: tuple[str, ...] = ()
    protocol: Literal["tcp", "udp"] = "tcp"


@dataclass(frozen=True)
class Ports:
    """``ssh`` and ``web`` are there from the beginning, so that no machine is cut off for what
    nobody has thought of; say less by naming them again.

    ``open`` is by a name that says what for.  ``closed`` are TCP ports of programs that listen and
    are to be out of reach: the first converge refuses those that neither names.  ``otherwise``
    answers to the rest: ``drop`` says nothing, ``reject`` says no at once.
    """

    ssh: Opening = Opening((22,))  # the port of the session that applies this has to be among them
    web: Opening = Opening(WEB)
    open: Mapping[str, Opening] = field(default_factory=dict)
    closed: tuple[int | str, ...] = ()
    otherwise: Literal["drop", "reject"] = "drop"


def setup(r: Recipe) -> None:
    """Look at who listens, then put our table in place; those of others stay as they are."""
    a = r.attributes(Ports)
    openings = (a.ssh, web(r, a), *a.open.values())
    rules = tuple(
        FirewallRule("accept", one.protocol, one.ports, one.sources)
        for one in openings
        if one.ports
    )
    said = [str(port) for one in openings if one.protocol == "tcp" for port in one.ports]
    r.add(Package("nftables", "iproute2"))
    r.add(File(LISTENERS, content=r.file("listeners"), mode=0o755))
    look = (LISTENERS, STORED, *said, *map(str, a.closed))
    r.add(Command(look, name="nobody who listens is cut off unsaid", unless=look), when=SYSTEMD)
    r.add(Firewall(rules, a.otherwise))


def web(r: Recipe, a: Ports) -> Opening:
    """With the port where nginx serves, wherever that is, unless ``web`` says otherwise."""
    if a.web != Opening(WEB) or not (r.apps or r.balanced):
        return a.web
    return Opening((*dict.fromkeys((*WEB, nginx.port(r))),))


cookbook = Cookbook("firewall", attributes=Ports, events={"setup": setup})
