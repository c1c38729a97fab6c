"""The firewall on a real machine, which has tables and a network of its own.

Who applies it and how that one comes again is in tests/machine/test_firewall.py.
"""

import os
import socket
import subprocess

from toque_node.resources.firewall import Firewall, FirewallRule
from toque_node.resources.package import Package

SSH = FirewallRule("accept", ports=(22,))
UNIT = "toque-firewall.service"
NOT = {
    "unmanaged": "the table is ours alone; other tables are in other_tables_stay",
    "sensitive": "rules hold no secret",
}


def a_first_look_without_the_package(node):  # cases run in the order of their names
    assert node.found(Firewall((SSH,))) == "program-missing"
    assert node.walk(Package("nftables")).status.value in ("changed", "ok")


def present(node):
    rules = (
        SSH,
        FirewallRule("drop", "any", sources=("192.0.2.0/24", "2001:db8::/32")),
        FirewallRule("reject", ports=("8000-8100", 8050, 8101)),
        FirewallRule("accept", "udp", (53,), ("10.0.0.0/8", "10.1.0.0/16", "fd00::/8")),
    )
    node.makes(Firewall(rules))
    listing = node.out("nft", "list", "table", "inet", "toque")
    for line in (
        "policy drop;",
        "tcp dport { 22 } accept" if "{ 22 }" in listing else "tcp dport 22 accept",
        "ip saddr { 192.0.2.0/24 } drop" if "{ 192" in listing else "ip saddr 192.0.2.0/24 drop",
        "tcp dport { 8000-8101 } reject" if "{ 8000" in listing else "tcp dport 8000-8101 reject",
        "10.0.0.0/8",
        "fd00::/8",
    ):
        assert line in listing, (line, listing)
    assert node.out("systemctl", "is-enabled", UNIT) == "enabled"
    assert node.run("systemctl", "is-active", "toque-firewall-undo.timer", check=False).returncode
    assert not os.path.exists("/run/toque-firewall-back.nft")
    node.run("nft", "flush", "ruleset")
    node.run("systemctl", "start", UNIT)  # as a boot does
    node.leaves(Firewall(rules))


def changed_by_hand(node):
    node.walk(Firewall((SSH,)))
    node.run("nft", "add", "rule", "inet", "toque", "input", "tcp", "dport", "9999", "accept")
    outcome = node.makes(Firewall((SSH,)))
    assert outcome.diff == ("~ live: something else -> these rules",)
    assert "9999" not in node.out("nft", "list", "ruleset")
    node.run("nft", "delete", "table", "inet", "toque")
    node.makes(Firewall((SSH,)))
    node.run("systemctl", "disable", UNIT)
    assert node.makes(Firewall((SSH,))).diff == ("~ loaded at boot: no -> yes",)


def packets(node):
    """From another network namespace, as from another machine."""
    node.walk(Firewall((SSH, FirewallRule("accept", ports=("7000-7001",)))))
    node.run("ip", "netns", "add", "case")
    node.run("ip", "link", "add", "case0", "type", "veth", "peer", "name", "case1", "netns", "case")
    node.run("ip", "address", "add", "198.51.100.1/24", "dev", "case0")
    node.run("ip", "link", "set", "case0", "up")
    node.run("ip", "-n", "case", "address", "add", "198.51.100.2/24", "dev", "case1")
    node.run("ip", "-n", "case", "link", "set", "case1", "up")
    connects = (
        "import socket, sys; "
        "socket.create_connection(('198.51.100.1', int(sys.argv[1])), timeout=1)"
    )
    went = {}
    try:
        for port in (7000, 7001, 7002):
            with socket.create_server(("198.51.100.1", port)):
                argv = ["nsenter", "--net=/run/netns/case", "python3", "-c", connects, str(port)]
                went[port] = subprocess.run(argv, capture_output=True).returncode == 0
    finally:
        node.run("ip", "netns", "delete", "case")
    assert went == {7000: True, 7001: True, 7002: False}, went


def other_tables_stay(node):
    node.run("nft", "add", "table", "inet", "mine")
    node.walk(Firewall((SSH,), otherwise="accept"))
    node.makes(Firewall((SSH,), otherwise="reject"))
    node.makes(Firewall(absent=True))
    assert node.out("nft", "list", "tables") == "table inet mine"
    node.run("nft", "delete", "table", "inet", "mine")


def absent(node):
    node.walk(Firewall((SSH,)))
    node.makes(Firewall(absent=True))
    assert node.out("nft", "list", "tables") == ""
    assert not os.path.exists("/etc/toque-firewall.nft")
    assert not os.path.exists("/etc/systemd/system/" + UNIT)


def restart_of_the_unit_of_debian(node):
    node.walk(Firewall((SSH,)))
    node.run("systemctl", "start", UNIT)
    node.run("systemctl", "restart", "nftables.service")
    node.run("systemctl", "start", UNIT)  # does nothing but wait for the restart of our own
    node.leaves(Firewall((SSH,)))
    node.run("systemctl", "stop", "nftables.service")
    node.walk(Firewall(absent=True))


def absent_tool(node):
    with node.without("nft"):
        assert node.found(Firewall((SSH,))) == "program-missing"
    with node.without("systemd-run"):
        node.refuses(Firewall((SSH,)), "program-missing")
    assert node.out("nft", "list", "tables") == ""
