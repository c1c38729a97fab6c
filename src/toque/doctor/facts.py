"""What was looked at, by name, and what most rules ask of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..node.evidence import telling
from ..node.finding import Finding
from ..node.sight.failures import NO_TELLING
from ..node.sight.lines import Entry

Facts = Mapping[str, Any]
Rule = Callable[[Facts], Iterator[Finding]]


def part(facts: Facts, name: str) -> Facts:
    found = facts.get(name)
    return found if isinstance(found, Mapping) and looked(facts, name) else {}


def looked(facts: Facts, name: str) -> bool:
    """Whether it was looked at at all: an empty answer is one."""
    found = facts.get(name)
    return isinstance(found, Mapping) and "unknown" not in found


def rows(facts: Facts, name: str) -> Sequence[Facts]:
    found = facts.get(name)
    return found if isinstance(found, list) else []


def entries(facts: Facts) -> list[Entry]:
    """The merged log, as entries again."""
    return [
        Entry(
            float(one["at"]), one["source"], one["text"], one.get("release", ""),
            one.get("request", ""), one.get("data", {}),
        )
        for one in rows(facts, "log")
    ]  # fmt: skip


def telling_lines(log: Sequence[str]) -> tuple[str, ...]:
    return tuple(line for line in telling(list(log)) if not NO_TELLING.fullmatch(line))


def app_lines(facts: Facts) -> list[str]:
    return [entry.text for entry in entries(facts) if entry.source == "app"]


def nginx_lines(facts: Facts, words: str) -> tuple[str, ...]:
    said = [entry.text for entry in entries(facts) if entry.source == "nginx"]
    return tuple(text for text in said if re.search(words, text))[-3:]


def broken(facts: Facts) -> bool:
    """Whether the page does not come through nginx."""
    through = part(facts, "through")
    return bool(through) and (not through["status"] or through["status"] >= 500)


def dead(facts: Facts) -> bool:
    """Whether the app does not answer well past nginx."""
    direct = part(facts, "direct")
    return bool(direct) and (not direct["status"] or direct["status"] >= 500)


def in_words(answer: Facts) -> str:
    what = f"{answer.get('status')} {answer.get('reason', '')}".strip()
    return f"{what} in {answer.get('seconds', 0):.2f} s"
