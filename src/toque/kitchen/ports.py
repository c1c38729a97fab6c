"""Ports of this host's loopback address for machines that share its network."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from . import addresses
from .machine import STANDARD_PORTS
from .state import Store

LOOPBACK = "127.0.0.1"


def choose(store: Store) -> Mapping[str, int]:
    """A free port for each purpose.  The caller holds the lock "network" until the machine that
    gets them is written down, so that two creations do not take the same."""
    taken = {
        port
        for record in store.records()
        for port in (record.machine.ssh_port, *record.machine.ports.values())
    }
    ports: dict[str, int] = {}
    for purpose in STANDARD_PORTS:
        ports[purpose] = addresses.free_port(taken, _can_listen, int(store.tag, 16))
        taken.add(ports[purpose])
    return ports


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
