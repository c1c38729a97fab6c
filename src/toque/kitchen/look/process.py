"""Processes, and the ports that they listen on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .ask import Ask


@dataclass(frozen=True)
class Process:
    """``name`` is the kernel's, of 15 characters at most; ``user`` the one it acts as."""

    pid: int
    parent: int
    user: str
    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Port:
    """A port that is open for others: at which addresses of the machine, and who holds it."""

    number: int
    addresses: tuple[str, ...]
    processes: tuple[Process, ...]

    @property
    def users(self) -> frozenset[str]:
        return frozenset(one.user for one in self.processes)


def processes(ask: Ask, name: str, user: str, argument: str) -> tuple[Process, ...]:
    found = (_process(value) for value in ask("processes"))
    return tuple(
        one
        for one in found
        if name in ("", one.name)
        and user in ("", one.user)
        and (not argument or argument in one.argv)
    )


def port(ask: Ask, number: int, protocol: str) -> Port | None:
    value = ask("port", number, protocol)
    if value is None:
        return None
    holders = tuple(_process(one) for one in value["processes"])
    return Port(number, tuple(value["addresses"]), holders)


def _process(value: dict[str, Any]) -> Process:
    return Process(**{**value, "argv": tuple(value["argv"])})
