"""A machine that checks look at, as the process that runs them is told of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .machine import Machine


@dataclass(frozen=True)
class Subject:
    """``address`` and ``ports`` (purpose to port) are where visitors from this host find it.

    A machine of the kitchen is looked at through its ``driver``; any other node through
    ``command``, the argument list that starts a constant program there as root, or through
    ``sudo``.  ``ssh`` are settings, in ssh_config's words, by which ssh reaches it, if it does;
    ``host_keys`` are those that it may show, ``ssh-ed25519 AAAA...``.  ``first`` is run in a
    machine of the kitchen, whatever its end, before it is looked at for the first time.
    """

    name: str
    address: str
    ports: Mapping[str, int] = field(default_factory=dict)
    driver: str = ""
    command: tuple[str, ...] = ()
    sudo: bool = False
    ssh: Mapping[str, str] = field(default_factory=dict)
    host_keys: tuple[str, ...] = ()
    first: tuple[str, ...] = ()

    @property
    def testinfra(self) -> str:
        """The machine as pytest-testinfra names it."""
        return f"ssh://{self.name}" if self.ssh else "local://"

    def ssh_config(self, more: Mapping[str, object]) -> str:
        """Its section in a file of ssh_config(5)."""
        rows = {"HostKeyAlias": self.name, **self.ssh, **more}
        return f"Host {self.name}\n" + "".join(f'  {k} "{v}"\n' for k, v in rows.items())


def in_kitchen(machine: Machine, first: tuple[str, ...] = ()) -> Subject:
    """A machine of the kitchen, looked at without SSH, on which no check depends thus."""
    ssh = {
        "HostName": machine.address,
        "Port": str(machine.ssh_port),
        "User": machine.user,
        "IdentityFile": str(machine.key),
    }
    return Subject(
        machine.name,
        machine.address,
        dict(machine.ports),
        machine.driver,
        ssh=ssh,
        host_keys=(machine.host_key,),
        first=first,
    )


def to_text(machines: Mapping[str, Subject]) -> str:
    """What the process that runs checks is told: each machine by what a suite calls it."""
    return json.dumps({called: asdict(one) for called, one in machines.items()})


def from_text(text: str) -> dict[str, Subject]:
    return {called: _subject(value) for called, value in json.loads(text).items()}


def _subject(value: dict[str, Any]) -> Subject:
    lists = {name: tuple(value[name]) for name in ("command", "host_keys", "first")}
    return Subject(**{**value, **lists})
