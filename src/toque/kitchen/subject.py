"""A machine that checks look at, as the process that runs them is told of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .machine import Machine


@dataclass(frozen=True)
class Subject:
    """``address`` and ``ports`` (purpose to port) are where visitors from this host find it.

    A machine of the kitchen is looked at through its ``driver``; any other node through
    ``command``, the argument list that starts a constant program there as root.  ``ssh`` are the
    settings, in ssh_config's words, by which ssh reaches it.
    """

    name: str
    address: str
    ports: Mapping[str, int] = field(default_factory=dict)
    driver: str = ""
    command: tuple[str, ...] = ()
    ssh: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "address": self.address,
            "ports": dict(self.ports),
            "driver": self.driver,
            "command": list(self.command),
            "ssh": dict(self.ssh),
        }


def in_kitchen(machine: Machine) -> Subject:
    """A machine of the kitchen, looked at without SSH, on which no check depends thus."""
    return Subject(machine.name, machine.address, dict(machine.ports), machine.driver)


def to_text(machines: Mapping[str, Subject]) -> str:
    """What the process that runs checks is told: each machine by what a suite calls it."""
    return json.dumps({called: one.as_json() for called, one in machines.items()})


def from_text(text: str) -> dict[str, Subject]:
    return {
        called: Subject(**{**value, "command": tuple(value["command"])})
        for called, value in json.loads(text).items()
    }
