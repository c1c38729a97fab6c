"""What ssh said, and what we make of it.

The texts marked real were taken from OpenSSH 9.2p1 (Debian 12) talking to a real sshd; the others
are OpenSSH's own format strings filled in by hand.
"""

from dataclasses import replace

import pytest

from toque.adapters.sshwords import classify
from toque.adapters.target import Target

TARGET = Target("web1", "web1.example.org", "deploy", 2222)
OURS = "SHA256:o0uXHKsz38MJnzSyIgLZ4XWP6SQIU19jbqJuTtDs3GM"
THEIRS = "SHA256:2XIvd98gibdXdjuZGaiWAQOLigsrL2ZDSyMXmHfA3dg"

CASES = [
    pytest.param(  # real
        "ssh: Could not resolve hostname no-such-machine.invalid: Name or service not known\r\n",
        255,
        "host-name-unknown",
        "Could not resolve hostname no-such-machine.invalid",
        id="name",
    ),
    pytest.param(
        "ssh: Could not resolve hostname web1: Temporary failure in name resolution\r\n",
        255,
        "host-name-unknown",
        "Could not resolve hostname web1",
        id="name-no-resolver",
    ),
    pytest.param(  # real
        "ssh: connect to host 127.0.0.1 port 46809: Connection refused\r\n",
        255,
        "host-unreachable",
        "Connection refused",
        id="refused",
    ),
    pytest.param(
        "ssh: connect to host 192.0.2.1 port 22: No route to host\r\n",
        255,
        "host-unreachable",
        "No route to host",
        id="no-route",
    ),
    pytest.param(
        "ssh: connect to host 192.0.2.1 port 22: Connection timed out\r\n",
        255,
        "host-unreachable",
        "Connection timed out",
        id="timeout",
    ),
    pytest.param(
        "Connection timed out during banner exchange\r\n"
        "Connection to 192.0.2.1 port 22 timed out\r\n",
        255,
        "host-unreachable",
        "Connection timed out during banner exchange",
        id="no-banner",
    ),
    pytest.param(
        "kex_exchange_identification: Connection closed by remote host\r\n"
        "Connection closed by 192.0.2.1 port 22\r\n",
        255,
        "host-unreachable",
        "kex_exchange_identification: Connection closed by remote host",
        id="hung-up-on",
    ),
    pytest.param(
        "channel 0: open failed: connect failed: Connection refused\r\n"
        "stdio forwarding failed\r\n"
        "Connection closed by UNKNOWN port 65535\r\n",
        255,
        "host-unreachable",
        "stdio forwarding failed",
        id="behind-jump-host",
    ),
    pytest.param(  # real
        "No ED25519 host key is known for web1 and you have requested strict checking.\r\n"
        "Host key verification failed.\r\n",
        255,
        "host-key-unknown",
        "a key we could not read",
        id="unknown-key",
    ),
    pytest.param(  # real
        "root@127.0.0.1: Permission denied (publickey).\r\n",
        255,
        "ssh-authentication",
        "the server takes publickey",
        id="denied",
    ),
    pytest.param(
        "Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures\r\n"
        "Disconnected from 192.0.2.1 port 22\r\n",
        255,
        "ssh-authentication",
        "Too many authentication failures",
        id="too-many-keys",
    ),
    pytest.param(
        'Load key "/home/a/key": error in libcrypto\r\n'
        "deploy@192.0.2.1: Permission denied (publickey,password).\r\n",
        255,
        "ssh-authentication",
        'the server takes publickey,password; Load key "/home/a/key": error in libcrypto',
        id="damaged-key-file",
    ),
    pytest.param(  # real
        "Unable to negotiate with 127.0.0.1 port 43619: no matching cipher found. "
        "Their offer: 3des-cbc\r\n",
        255,
        "ssh-negotiation",
        "no matching cipher found. Their offer: 3des-cbc",
        id="old-methods",
    ),
    pytest.param(
        "/root/.ssh/config: line 3: Bad configuration option: porrt\r\n"
        "/root/.ssh/config: terminating, 1 bad configuration options\r\n",
        255,
        "ssh-settings",
        "/root/.ssh/config: line 3: Bad configuration option: porrt",
        id="own-config",
    ),
    pytest.param(
        "Timeout, server web1 not responding.\r\n",
        255,
        "connection-lost",
        "Timeout, server web1 not responding.",
        id="gone",
    ),
    pytest.param("", 255, "connection-lost", "it was closed without a word", id="silent"),
    pytest.param(  # real
        "sudo: a password is required\n",
        1,
        "sudo-refused",
        "sudo: a password is required",
        id="sudo-password",
    ),
    pytest.param(
        "bash: line 1: sudo: command not found\n",
        127,
        "sudo-refused",
        "bash: line 1: sudo: command not found",
        id="no-sudo",
    ),
    pytest.param(
        "deploy is not in the sudoers file.\n",
        1,
        "sudo-refused",
        "deploy is not in the sudoers file.",
        id="not-in-sudoers",
    ),
    pytest.param(  # real
        "bash: line 1: python3: command not found\n",
        127,
        "python-missing",
        "bash: line 1: python3: command not found",
        id="no-python",
    ),
    pytest.param(
        "sh: 1: python3: not found\n",
        127,
        "python-missing",
        "sh: 1: python3: not found",
        id="no-python-dash",
    ),
    pytest.param(
        "This account is currently not available.\n",
        1,
        "bootstrap-failed",
        "exit status 1: This account is currently not available.",
        id="nologin",
    ),
]


@pytest.mark.parametrize(("stderr", "status", "code", "found"), CASES)
def test_words_of_ssh_become_a_code(stderr: str, status: int, code: str, found: str) -> None:
    error = classify(stderr, status, TARGET)

    assert (error.code, error.trouble.found) == (code, found)


CHANGED = f"""\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
The fingerprint for the ECDSA key sent by the remote host is
{THEIRS}.
Host key for web1 has changed and you have requested strict checking.
Host key verification failed.
"""  # real


def test_changed_key_names_both_fingerprints_without_asking_again() -> None:
    error = classify(CHANGED, 255, TARGET, pinned=[OURS])

    assert error.code == "host-key-changed"
    assert (error.trouble.expected, error.trouble.found) == (OURS, THEIRS)


def test_unknown_type_of_a_known_node_is_a_change() -> None:
    words = "No RSA host key is known for web1 and you have requested strict checking.\r\n"

    assert classify(words, 255, TARGET, pinned=[OURS]).code == "host-key-changed"


def test_hint_for_an_unknown_key_is_the_command_to_type() -> None:
    error = classify("Host key verification failed.", 255, TARGET, offered=THEIRS)

    assert error.trouble.hint == f"toque node trust web1 --fingerprint {THEIRS}"


def test_machine_that_is_no_node_is_trusted_by_its_address() -> None:
    alone = replace(TARGET, name=TARGET.host)

    error = classify("Host key verification failed.", 255, alone, offered=THEIRS)

    assert error.trouble.hint == (
        f"toque node trust deploy@web1.example.org:2222 --fingerprint {THEIRS}"
    )


def test_a_program_cannot_pass_for_ssh_unless_ssh_failed() -> None:
    """The node writes to the same stream: its words count only with ssh's own exit status."""
    error = classify("Host key verification failed.\n", 1, TARGET)

    assert error.code == "bootstrap-failed"
