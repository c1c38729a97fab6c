"""A package of Debian."""

from __future__ import annotations

from dataclasses import dataclass

from .ask import Ask
from .program import ended


@dataclass(frozen=True)
class Package:
    """A package that is installed, and its version as Debian writes it."""

    name: str
    version: str


def package(ask: Ask, name: str) -> Package | None:
    shown = ended(ask, "dpkg-query", "-W", "-f=${db:Status-Status}\t${Version}", name)
    status, _, version = shown.out.partition("\t")
    return Package(name, version) if status == "installed" else None
