"""Machines of one instance find each other by the names that their suite gives them."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..errors import Failed
from . import api
from .api import Kitchen
from .instance import Instance
from .machine import Machine

MARK = "# toque kitchen"
# Lines of ours are written anew; whatever else the file says stays, and a reader sees either text.
WRITE = r"""set -e
umask 022
{ grep -v '# toque kitchen$' /etc/hosts || true; cat; } > /etc/.hosts.toque
mv /etc/.hosts.toque /etc/hosts
"""


def hosts(machines: Mapping[str, Machine]) -> str:
    """The lines of /etc/hosts: an address, the name in the suite, the name in the kitchen."""
    return "".join(f"{m.address} {name} {m.name} {MARK}\n" for name, m in machines.items())


def introduce(kitchen: Kitchen, instance: Instance, machines: Mapping[str, Machine]) -> None:
    """Tell each machine of ``instance`` the names of all; ``machines`` are by name in the suite."""
    if len(instance.members) < 2:
        return
    for machine in machines.values():
        done = api.execute(kitchen, machine.name, ["sh", "-c", WRITE], hosts(machines).encode())
        if done.returncode != 0:
            raise Failed(
                "kitchen-tool-failed",
                f"machine {machine.name} could not be told the names of the others",
                expected="its /etc/hosts to be written",
                found=f"status {done.returncode}",
                log=os.fsdecode(done.stderr).splitlines()[-5:],
            )
