"""One table of nftables(8) from rules as data, and what it does to a new connection.  Pure."""

import ipaddress
import re
from typing import List, NamedTuple, Sequence, Tuple, Union

Port = Union[int, str]  # 443, or a range such as "8000-8100"
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

TABLE = "toque"
HIGHEST = 65535
ACTIONS = ("accept", "drop", "reject")
NUMBERS = {"tcp": 6, "udp": 17}
PROTOCOLS = (*NUMBERS, "any")


class FirewallRule(NamedTuple):
    """What happens to new connections: the first rule that fits decides.

    ``action`` is accept, drop or reject; ``protocol`` tcp, udp or any; ``ports`` are numbers or
    ranges such as ``"8000-8100"``, none for all; ``sources`` are addresses or networks of IPv4 or
    IPv6, none for everybody.
    """

    action: str
    protocol: str = "tcp"
    ports: Tuple[Port, ...] = ()
    sources: Tuple[str, ...] = ()


def span(port: Port) -> Tuple[int, int]:
    """The first and last port of a range.  Raises ``ValueError``."""
    words = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", str(port))
    low, high = (int(words[1]), int(words[2] or words[1])) if words else (0, 0)
    if not 0 < low <= high <= HIGHEST:
        raise ValueError(f"{port!r} is no port, and no range of ports")
    return low, high


def network(source: str) -> Network:
    """Raises ``ValueError``, also for an address with bits behind its prefix."""
    return ipaddress.ip_network(source)


def verdict(rules: Sequence[FirewallRule], otherwise: str, source: str, port: int) -> str:
    """What becomes of a new TCP connection from ``source`` to ``port``."""
    address = ipaddress.ip_address(source.partition("%")[0])  # fe80::1%eth0
    address = getattr(address, "ipv4_mapped", None) or address  # ::ffff:10.0.0.9
    if address.is_loopback:
        return "accept"
    for rule in rules:
        nets = [network(text) for text in rule.sources]
        from_there = not nets or any(n.version == address.version and address in n for n in nets)
        spans = [span(p) for p in rule.ports]
        to_port = not spans or any(low <= port <= high for low, high in spans)
        if rule.protocol in ("tcp", "any") and from_there and to_port:
            return rule.action
    return otherwise


def table(rules: Sequence[FirewallRule], otherwise: str) -> str:
    """The text of the table: what belongs to the machine's own work first, then the rules."""
    policy = "accept" if otherwise == "accept" else "drop"  # the only ones that nft knows
    lines = [
        f"table inet {TABLE} {{",
        "\tchain input {",
        f"\t\ttype filter hook input priority filter; policy {policy};",
        "\t\tct state established,related accept",
        '\t\tiifname "lo" accept',
        # ICMP and ICMPv6, by number since a machine may lack /etc/protocols.  Without them IPv6
        # finds no neighbour and no path learns its packet size: RFC 4890.
        "\t\tmeta l4proto { 1, 58 } accept",
        *(f"\t\t{line}" for rule in rules for line in _lines(rule)),
        *(["\t\treject"] if otherwise == "reject" else []),
        "\t}",
        "}",
    ]
    return "\n".join(lines) + "\n"


def swapped(new: str) -> str:
    """One transaction that puts ``new``, a table's text or nothing, in place of what is there."""
    return f"table inet {TABLE}\ndelete table inet {TABLE}\n{new}"


def _lines(rule: FirewallRule) -> List[str]:
    ports = ""
    if rule.ports:
        ports = f"{rule.protocol} dport {{ {', '.join(_merged(rule.ports))} }} "
    elif rule.protocol != "any":
        ports = f"meta l4proto {NUMBERS[rule.protocol]} "
    if not rule.sources:
        return [f"{ports}{rule.action}"]
    networks = [network(text) for text in rule.sources]
    v4 = ipaddress.collapse_addresses(n for n in networks if isinstance(n, ipaddress.IPv4Network))
    v6 = ipaddress.collapse_addresses(n for n in networks if isinstance(n, ipaddress.IPv6Network))
    lines = []
    for word, some in (("ip", [str(n) for n in v4]), ("ip6", [str(n) for n in v6])):
        if some:
            lines.append(f"{word} saddr {{ {', '.join(some)} }} {ports}{rule.action}")
    return lines


def _merged(ports: Sequence[Port]) -> List[str]:
    """Ports and ranges without overlap, which a set of nftables may not have."""
    spans: List[Tuple[int, int]] = []
    for low, high in sorted(map(span, ports)):
        if spans and low <= spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], max(high, spans[-1][1]))
        else:
            spans.append((low, high))
    return [str(low) if low == high else f"{low}-{high}" for low, high in spans]
