"""What was said is open, all else is shut, and what belongs to others is untouched."""

import socket
import time


def table(machine):
    return machine.run("nft", "--stateless", "list", "table", "inet", "toque").out


def test_all_else_is_dropped(machine):
    assert "policy drop" in table(machine)


def test_ssh_and_the_web_are_open(machine):
    assert "tcp dport { 22 } accept" in table(machine) or "tcp dport 22 accept" in table(machine)
    assert "{ 80, 443 } accept" in table(machine)


def test_a_source_is_kept_to(machine):
    rules = [line.strip() for line in table(machine).splitlines() if "5432" in line]

    assert len(rules) == 2
    assert all("saddr" in rule for rule in rules)


def test_it_is_loaded_at_boot(machine):
    assert machine.service("toque-firewall").enabled


def test_tables_of_others_stay(machine):
    machine.run("nft", "-f", "/etc/toque-firewall.nft")  # what a boot does
    tables = machine.run("nft", "list", "tables").out

    assert "table inet others" in tables


def test_what_listens_unsaid_cannot_be_reached(machine):
    started = ("systemd-run", "--quiet", "python3", "-m", "http.server", "--bind", "0.0.0.0")
    for port in ("8005", "9005"):
        machine.run(*started, port, check=False)
    open_port = reaches(machine, 8005)
    shut_port = reaches(machine, 9005)

    assert (open_port, shut_port) == (True, False)


def reaches(machine, port):
    """Whether this host gets a connection, tried for some seconds as a program takes its time."""
    for _ in range(6):
        try:
            socket.create_connection((machine.address, port), timeout=1).close()
            return True
        except OSError:
            time.sleep(0.3)
    return False
