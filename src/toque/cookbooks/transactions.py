"""Neighbouring packages of a recipe as one transaction of apt."""

from __future__ import annotations

from dataclasses import fields

from ..node.resources.package import Package


def mergeable(first: Package, second: Package) -> bool:
    """Whether two neighbours can be one transaction that means the same."""
    for field in ("versions", "answers"):
        one, two = getattr(first, field), getattr(second, field)
        if any(one.get(key) != two.get(key) for key in _shared(first, second, field)):
            return False
    same = ("absent", "purge", "recommends", "upgrade", "hold")
    return all(getattr(first, name) == getattr(second, name) for name in same)


def _shared(first: Package, second: Package, field: str) -> frozenset[str]:
    """The keys of a mapping about which both have something to say."""
    if field == "versions":
        return frozenset(first.names) & frozenset(second.names)
    return frozenset(first.answers) & frozenset(second.answers)


def merged(first: Package, second: Package) -> Package:
    """Both in one; only for those that are ``mergeable``."""
    one, two = ({f.name: getattr(p, f.name) for f in fields(p)} for p in (first, second))
    ages = [p.refresh_s for p in (first, second) if p.refresh_s is not None]
    return Package(
        **{
            **one,
            "names": (*first.names, *second.names),
            "versions": {**one["versions"], **two["versions"]},
            "answers": {**one["answers"], **two["answers"]},
            "refresh_s": min(ages, default=None),
        }
    )
