"""What is between a visitor and the machine, seen from where Toque runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..node.finding import REFUSE, Finding
from .facts import Facts, Rule, in_words, part


def _client(facts: Facts) -> Iterator[Finding]:
    """We get no answer from here, though the machine gives itself one."""
    client, through = part(facts, "client"), part(facts, "through")
    if not client or client.get("status") or not through or not through.get("status"):
        return
    port = part(facts, "port").get("port", 80)
    wall = part(facts, "firewall")
    drops = [x for x in wall.get("refusing", ()) if f"dport {port} " in x + " " or "dport" not in x]
    named = [x for x in drops if re.search(rf"dport (\{{[^}}]*\b)?{port}\b", x)]
    allowed = any(re.search(rf"\b{port}\b", x) for x in wall.get("accepted", ()))
    said = (f"from here: {client.get('fault')}", f"on the machine: {in_words(through)}")
    if named or (wall.get("input") and not allowed):
        yield Finding(
            "port-blocked", REFUSE, f"a firewall on the machine drops what comes to port {port}",
            (*said, *(named or drops)[:3]), help="toque setup",
        )  # fmt: skip
    else:
        yield Finding(
            "port-blocked", REFUSE, f"port {port} cannot be reached from here", said,
            help="look at the firewall of the provider and of this network", certain=False,
        )  # fmt: skip


RULES: Sequence[Rule] = (_client,)
