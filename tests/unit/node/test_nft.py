import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toque.node.nft import FirewallRule, network, span, swapped, table, verdict

SSH = FirewallRule("accept", ports=(22,))


@pytest.mark.parametrize(
    ("rules", "otherwise", "source", "becomes"),
    [
        ((SSH,), "drop", "10.0.0.9", "accept"),
        ((), "drop", "10.0.0.9", "drop"),
        ((), "accept", "10.0.0.9", "accept"),
        ((), "reject", "10.0.0.9", "reject"),
        ((), "drop", "127.0.0.1", "accept"),
        ((), "drop", "::1", "accept"),
        ((FirewallRule("accept", ports=("20-30",)),), "drop", "10.0.0.9", "accept"),
        ((FirewallRule("accept", ports=(80,)),), "drop", "10.0.0.9", "drop"),
        ((FirewallRule("accept", "udp", (22,)),), "drop", "10.0.0.9", "drop"),
        ((FirewallRule("accept", "any"),), "drop", "10.0.0.9", "accept"),
        ((FirewallRule("accept", "tcp"),), "drop", "10.0.0.9", "accept"),
        ((FirewallRule("drop", "any", (), ("10.0.0.0/8",)), SSH), "accept", "10.0.0.9", "drop"),
        ((SSH, FirewallRule("drop", "any", (), ("10.0.0.0/8",))), "drop", "10.0.0.9", "accept"),
        ((FirewallRule("accept", "tcp", (22,), ("10.0.0.9",)),), "drop", "10.0.0.9", "accept"),
        ((FirewallRule("accept", "tcp", (22,), ("fd00::/8",)),), "drop", "10.0.0.9", "drop"),
        ((FirewallRule("accept", "tcp", (22,), ("fd00::/8",)),), "drop", "fd00::9", "accept"),
        ((FirewallRule("accept", "tcp", (22,), ("fe80::/10",)),), "drop", "fe80::9%eth0", "accept"),
        ((FirewallRule("drop", "any", (), ("10.0.0.9",)), SSH), "drop", "::ffff:10.0.0.9", "drop"),
    ],
)
def test_what_becomes_of_a_new_connection(rules, otherwise, source, becomes):
    assert verdict(rules, otherwise, source, 22) == becomes


def test_a_table_is_what_the_machine_needs_and_then_the_rules():
    rules = (
        FirewallRule("accept", ports=(443, 80, "8000-8010", 8005, 8011)),
        FirewallRule("drop", "any", sources=("10.0.0.0/8", "10.1.0.0/16", "fd00::/8")),
        FirewallRule("reject", "udp"),
    )

    assert table(rules, "reject") == (
        "table inet toque {\n"
        "\tchain input {\n"
        "\t\ttype filter hook input priority filter; policy drop;\n"
        "\t\tct state established,related accept\n"
        '\t\tiifname "lo" accept\n'
        "\t\tmeta l4proto { 1, 58 } accept\n"
        "\t\ttcp dport { 80, 443, 8000-8011 } accept\n"
        "\t\tip saddr { 10.0.0.0/8 } drop\n"
        "\t\tip6 saddr { fd00::/8 } drop\n"
        "\t\tmeta l4proto 17 reject\n"
        "\t\treject\n"
        "\t}\n"
        "}\n"
    )


@pytest.mark.parametrize("port", [0, 65536, -1, "80-", "-80", "90-80", "http", "", "80;", True])
def test_what_is_no_port(port):
    with pytest.raises(ValueError):
        span(port)


@pytest.mark.parametrize("source", ["", "10.0.0.1/8", "example.com", "10.0.0.0/33", "1}; drop"])
def test_what_is_no_network(source):
    with pytest.raises(ValueError):
        network(source)


PORTS = st.integers(1, 65535) | st.tuples(st.integers(1, 65535), st.integers(1, 65535)).map(
    lambda pair: f"{min(pair)}-{max(pair)}"
)
NETWORKS = st.ip_addresses().flatmap(
    lambda address: st.integers(0, address.max_prefixlen).map(
        lambda bits: str(__import__("ipaddress").ip_network((address, bits), strict=False))
    )
)
RULES = st.builds(
    lambda action, protocol, ports, sources: FirewallRule(
        action, protocol, () if protocol == "any" else tuple(ports), tuple(sources)
    ),
    st.sampled_from(["accept", "drop", "reject"]),
    st.sampled_from(["tcp", "udp", "any"]),
    st.lists(PORTS, max_size=4),
    st.lists(NETWORKS, max_size=4),
)


@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
@settings(max_examples=60)
@given(st.lists(RULES, max_size=5), st.sampled_from(["accept", "drop", "reject"]))
def test_nft_takes_any_rules(rules, otherwise):
    """Checked in a network namespace of its own, where nothing is put in place anyway."""
    text = swapped(table(rules, otherwise))

    argv = ["unshare", "--net", "nft", "--check", "-f", "-"]
    done = subprocess.run(argv, input=text, capture_output=True, text=True)

    assert done.returncode == 0, (text, done.stderr)
