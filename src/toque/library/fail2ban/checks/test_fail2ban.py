"""It reads the journal, keeps out by nftables, and never those who are allowed."""

import time

LOG = "/var/log/fail2ban.log"
SEEN = "Ignore 127.0.0.1 "  # it is this machine itself
STRANGER = "203.0.113.9"
FRIEND = "198.51.100.7"


def test_it_runs_and_starts_at_boot(machine):
    found = machine.service("fail2ban")

    assert (found.running, found.enabled) == (True, True)


def test_the_jail_reads_the_journal(machine):
    assert "Journal matches" in machine.run("fail2ban-client", "status", "sshd").out


def test_a_stranger_is_kept_out_by_nftables(machine):
    machine.run("fail2ban-client", "set", "sshd", "banip", STRANGER)
    kept_out = STRANGER in machine.run("nft", "list", "ruleset").out
    machine.run("fail2ban-client", "set", "sshd", "unbanip", STRANGER)
    let_in = STRANGER not in machine.run("nft", "list", "ruleset").out

    assert (kept_out, let_in) == (True, True)


def test_who_is_allowed_is_ignored(machine):
    assert "198.51.100.0/24" in machine.run("fail2ban-client", "get", "sshd", "ignoreip").out


def test_who_guesses_is_seen_in_the_journal(machine):
    guess = ("ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "oracle@127.0.0.1")
    machine.run(*guess, "true", check=False)
    deadline = time.monotonic() + 30
    while SEEN not in machine.file(LOG).text and time.monotonic() < deadline:
        time.sleep(0.5)

    assert SEEN in machine.file(LOG).text
