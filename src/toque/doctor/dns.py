"""The names of the site, and where they lead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..node.finding import REFUSE, WARN, Finding
from .facts import Facts, Rule, part


def _dns(facts: Facts) -> Iterator[Finding]:
    own = {str(one) for one in facts.get("addresses") or ()}
    for domain, found in part(facts, "names").items():
        seen = part(part(facts, "client_names"), domain)
        error = found.get("error") or seen.get("error")
        if found.get("error") and (not seen or seen.get("error")):
            sure = not re.search(r"Temporary|again", f"{found['error']} {seen.get('error', '')}")
            yield Finding(
                "domain-unknown", REFUSE, f"{domain} has no address", (f"{domain}: {error}",),
                help=f"add an A record for {domain} where the domain is registered", certain=sure,
            )  # fmt: skip
            continue
        told = {str(one) for one in seen.get("addresses") or found.get("addresses") or ()}
        if own and told and not told & own:
            yield Finding(
                "domain-elsewhere", REFUSE if _client_fails(facts) else WARN,
                f"{domain} leads to {', '.join(sorted(told)[:3])}, which is not this machine",
                (f"this machine has {', '.join(sorted(own)[:4])}",),
                help=f"point {domain} at this machine, unless a proxy in between is meant",
                certain=False,
            )  # fmt: skip


def _client_fails(facts: Facts) -> bool:
    client = part(facts, "client")
    return bool(client) and not client.get("status")


RULES: Sequence[Rule] = (_dns,)
