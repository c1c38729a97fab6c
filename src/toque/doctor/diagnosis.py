"""What is wrong, by the facts: the links from the visitor to the database, and findings.  Pure.

Each rule looks at one link and proves what it says with lines it has read; what it only suspects
is a finding that is not certain.  A broken link further down explains those above it, so the
findings come deepest first: the first one is the cause.

A rule says nothing about what could not be looked at: facts that are missing prove nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..node.finding import Finding
from . import app, client, database, dns, machine, nginx, process, socket
from .database import blind_engines
from .facts import Facts, Rule, in_words, part, rows
from .past import failed_lately

LINKS = ("client", "dns", "nginx", "socket", "process", "app", "database", "machine")
FINE, BROKEN, DOUBTFUL, UNSEEN = "fine", "broken", "doubtful", "not seen"
RULES: Mapping[str, Sequence[Rule]] = {
    "machine": machine.RULES,
    "database": database.RULES,
    "process": process.RULES,
    "app": app.RULES,
    "socket": socket.RULES,
    "nginx": nginx.RULES,
    "dns": dns.RULES,
    "client": client.RULES,
}


@dataclass(frozen=True)
class Link:
    name: str
    state: str
    said: str


@dataclass(frozen=True)
class Diagnosis:
    """``links`` from the visitor inwards; ``findings`` deepest first: the first is the cause."""

    links: tuple[Link, ...]
    findings: tuple[Finding, ...]

    @property
    def cause(self) -> Finding | None:
        return self.findings[0] if self.findings else None


def diagnose(facts: Facts) -> Diagnosis:
    """All rules, and what they leave of each link."""
    found: dict[str, list[Finding]] = {
        name: [finding for rule in RULES[name] for finding in rule(facts)]
        for name in reversed(LINKS)
    }
    ordered = [finding for name in found for finding in found[name]]
    if not any(finding.refuses for finding in ordered):
        known = {finding.code for finding in ordered}
        past = [*failed_lately(facts, known), *blind_engines(facts)]
        ordered += [finding for finding in past if finding.code not in known]
    ordered.sort(key=lambda f: (not f.refuses, not f.certain))
    links = tuple(Link(name, *_state(name, found[name], facts)) for name in LINKS)
    return Diagnosis(links, tuple(ordered))


def _state(name: str, found: Sequence[Finding], facts: Facts) -> tuple[str, str]:
    worst = next((f for f in found if f.refuses), found[0] if found else None)
    if worst is not None:
        return (BROKEN if worst.refuses and worst.certain else DOUBTFUL), worst.message
    return _fine(name, facts)


def _fine(name: str, facts: Facts) -> tuple[str, str]:
    """What can be said for a link that no rule has anything against."""
    through, direct = part(facts, "through"), part(facts, "direct")
    unit, queue = part(facts, "unit"), part(facts, "socket")
    if name == "client":
        seen = part(facts, "client")
        return _answered(seen) if seen.get("status") else (UNSEEN, "not asked from here")
    if name == "dns":
        domains = part(facts, "names")
        return (FINE, ", ".join(domains)) if domains else (UNSEEN, "no domains are declared")
    if name == "nginx":
        return _answered(through) if through.get("status") else (UNSEEN, "no answer")
    if name == "socket" and "queued" in queue:
        if not queue.get("there"):
            return DOUBTFUL, f"there is no {queue['path']}"
        said = f"mode {queue.get('mode')}, group {queue.get('group')}, {queue['queued']} waiting"
        return FINE, said
    if name == "process" and unit.get("running"):
        return FINE, f"{unit['name']} runs, {len(rows(facts, 'processes'))} processes"
    if name == "app" and direct.get("status"):
        return _answered(direct)
    if name == "database":
        databases = [d for d in rows(facts, "database") if d.get("code") == 0]
        said = ", ".join(f"{d['name']} takes {d['user']}" for d in databases)
        return (FINE, said) if databases else (UNSEEN, "no variable names one")
    if name == "machine" and rows(facts, "disk"):
        least = min(rows(facts, "disk"), key=lambda d: float(d["free"]))
        return FINE, f"{least['free'] >> 20} MiB free at {least['path']}"
    return UNSEEN, "could not be looked at"


def _answered(answer: Facts) -> tuple[str, str]:
    """A link that only hands on what is broken behind it is not broken itself."""
    return (FINE if answer["status"] < 500 else DOUBTFUL), in_words(answer)
