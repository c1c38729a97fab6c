"""Picking addresses and ports: pure, from what is taken."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from ipaddress import IPv4Address, IPv4Network

from ..errors import Failed

# 10.213/16 is ours by habit only; what the host routes already is left alone.
POOL = IPv4Network("10.213.0.0/16")
# Below the kernel's default range for outgoing connections (32768 up, ip(7)), so that a port
# chosen now is not taken by somebody's connection before the machine listens on it.
FREE_PORTS = range(20000, 30000)


def routed(routes: str) -> list[IPv4Network]:
    """Networks in the output of ``ip -json -4 route show table all``, default routes left out."""
    found = []
    for route in json.loads(routes or "[]"):
        destination = route.get("dst", "default")
        if destination != "default":
            found.append(IPv4Network(destination, strict=False))
    return found


def free_subnet(taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first /24 of the pool that overlaps nothing taken."""
    used = [network for network in taken if network.prefixlen > 0]
    for subnet in POOL.subnets(new_prefix=24):
        if not any(subnet.overlaps(network) for network in used):
            return subnet
    raise Failed(
        "kitchen-no-subnet",
        f"every part of {POOL} is routed somewhere on this host",
        expected="one /24 that no route covers",
        hint="ip -4 route show table all",
    )


def pooled(address: str) -> bool:
    """Whether an address is one that ``free_address`` may have given; a host's name is not."""
    try:
        return IPv4Address(address) in POOL
    except ValueError:
        return False


def gateway(subnet: IPv4Network) -> IPv4Address:
    """The host's own address on the machines' bridge."""
    return subnet[1]


def free_address(subnet: IPv4Network, taken: Collection[str]) -> IPv4Address:
    """The first address of the subnet that no machine has."""
    for address in list(subnet.hosts())[1:]:
        if str(address) not in taken:
            return address
    raise Failed(
        "kitchen-no-address",
        f"all addresses of {subnet} belong to machines",
        expected="at most 253 machines in one kitchen",
        hint="toque kitchen list",
    )


def free_port(taken: Collection[int], can_listen: Callable[[int], bool], seed: int = 0) -> int:
    """A port that no machine of ours has and that ``can_listen`` says is free.

    The search begins at a place that ``seed`` decides: a stopped machine's port looks free to
    another kitchen, so kitchens keep apart.
    """
    for offset in range(len(FREE_PORTS)):
        port = FREE_PORTS[(seed + offset) % len(FREE_PORTS)]
        if port not in taken and can_listen(port):
            return port
    raise Failed(
        "kitchen-no-port",
        f"no port between {FREE_PORTS.start} and {FREE_PORTS.stop - 1} is free",
        hint="ss -tlnp",
    )
