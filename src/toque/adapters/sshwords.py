"""What OpenSSH says on standard error, turned into what a person can act on.  Pure.

The words are those of OpenSSH's C locale (we set ``LC_ALL=C``; ssh does not translate anyway).
After the login the same stream carries what the node writes, so a node can lie here: the answer
only changes which advice is shown, never what we do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from toque.errors import Unreachable

from .target import Target

SSH_FAILED = 255  # ssh(1), EXIT STATUS: an error of its own, not the program's status
NOT_FOUND = 127  # POSIX 2.8.2: the shell found no such command

FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
NAME_UNKNOWN = re.compile(r"Could not resolve hostname ([^:\n]*)")
NO_CONNECTION = re.compile(
    r"connect to host .* port \d+: (?P<why>.*)"
    r"|(?P<banner>Connection timed out during banner exchange)"
    r"|(?P<kex>(?:kex_exchange_identification|banner exchange): .*)"
    r"|(?P<jump>stdio forwarding failed)"
)
KEY_CHANGED = "REMOTE HOST IDENTIFICATION HAS CHANGED"
KEY_UNKNOWN = re.compile(r"No \S+ host key is known for|Host key verification failed")
NOT_AGREED = re.compile(r"Unable to negotiate with \S+ port \d+: (.*)")
DENIED = re.compile(r"Permission denied \(([^)]*)\)|Too many authentication failures")
KEY_FILE = re.compile(
    r"Load key .*|no such identity: .*|Identity file .* not accessible.*|.*UNPROTECTED.*KEY.*"
    r"|Permissions \d+ for .*"
)
OWN_SETTINGS = re.compile(
    r".*Bad configuration option.*|.*[Bb]ad owner or permissions.*|.*Bad number.*"
    r"|command-line: line \d+: .*|.*terminating, \d+ bad configuration options"
)
SUDO = re.compile(
    r"^(?:sudo: .*|.*sudo: (?:command )?not found.*|.*is not in the sudoers.*)$", re.M
)
NO_PYTHON = re.compile(r"^.*python3.*(?:not found|No such file).*$", re.M)


def about_host_key(stderr: str) -> bool:
    """Whether ssh hung up because of the machine's identity."""
    return KEY_CHANGED in stderr or bool(KEY_UNKNOWN.search(stderr))


def classify(
    stderr: str,
    status: int,
    target: Target,
    *,
    pinned: Sequence[str] = (),
    offered: str = "",
) -> Unreachable:
    """Why there is no node program at the other end.

    ``pinned`` are the fingerprints we expect of the node; ``offered`` the one it showed when ssh
    was asked again, because ssh does not print that of an unknown key.
    """
    log = [line.strip() for line in stderr.splitlines() if line.strip()][-10:]
    if status != SSH_FAILED:
        return _remote(stderr, status, target, log)
    if match := NAME_UNKNOWN.search(stderr):
        return Unreachable(
            "host-name-unknown",
            f"no machine is known by the name {match[1].strip() or target.host}",
            expected="a name that this machine can resolve, or an alias of your ssh config",
            found=match[0],
            hint=f"getent hosts {target.host}",
            log=log,
        )
    if about_host_key(stderr):
        return _host_key(stderr, target, pinned, offered, log)
    if match := NOT_AGREED.search(stderr):
        return Unreachable(
            "ssh-negotiation",
            f"ssh here and the server of {target.name} have no method in common",
            expected="a server as new as OpenSSH 7.4, with its default methods",
            found=match[1].strip(),
            hint="upgrade the server, or name the method in ~/.ssh/config for this host",
            log=log,
        )
    if match := DENIED.search(stderr):
        return _denied(stderr, match, target, log)
    if match := NO_CONNECTION.search(stderr):
        return Unreachable(
            "host-unreachable",
            f"{target.name} does not answer at {target.address}",
            expected="an SSH server that accepts connections there",
            found=next(word for word in match.groups() if word).strip(),
            hint=f"ssh -v {_typed(target)} true",
            log=log,
        )
    if match := OWN_SETTINGS.search(stderr):
        return Unreachable(
            "ssh-settings",
            "ssh refuses the settings it was given on this machine",
            found=match[0].strip(),
            hint=f"ssh -G {_typed(target)}",
            log=log,
        )
    return lost(stderr, target)


def lost(stderr: str, target: Target) -> Unreachable:
    """The connection ended before the program said how it went."""
    log = [line.strip() for line in stderr.splitlines() if line.strip()][-10:]
    return Unreachable(
        "connection-lost",
        f"the connection to {target.name} broke, so how far it came is unknown",
        expected="a connection until the run's report",
        found=log[-1] if log else "it was closed without a word",
        hint="run the same command again: it looks before it acts",
        log=log,
    )


def _host_key(
    stderr: str, target: Target, pinned: Sequence[str], offered: str, log: Sequence[str]
) -> Unreachable:
    shown = offered
    if not shown and (match := FINGERPRINT.search(stderr)):
        shown = match[0]
    # A node of toque.toml is trusted by its name; a machine named by hand by its address.
    node = target.address if target.name == target.host else target.name
    trust = f"toque node trust {node} --fingerprint {shown or 'SHA256:...'}"
    if pinned:  # also when ssh calls it unknown: a key of another type is another key
        return Unreachable(
            "host-key-changed",
            f"{target.name} is not the machine it was: its host key is another one",
            expected=" or ".join(pinned),
            found=shown or "a key of another type",
            hint=f"only if you know why it changed: {trust}",
            log=log,
        )
    return Unreachable(
        "host-key-unknown",
        f"nobody has confirmed the host key of {target.name} yet",
        expected="a fingerprint you have seen on the machine itself",
        found=shown or "a key we could not read",
        hint=trust,
        log=log,
    )


def _denied(stderr: str, match: re.Match[str], target: Target, log: Sequence[str]) -> Unreachable:
    who = target.user or "the user of your ssh config"
    words = [f"the server takes {match[1]}" if match[1] else match[0]]
    words += [found.strip(" @\r") for found in KEY_FILE.findall(stderr)]
    return Unreachable(
        "ssh-authentication",
        f"{target.name} does not let {who} in with the keys we have",
        expected="a key in that user's authorized_keys, without a passphrase or in your agent",
        found="; ".join(words),
        hint=f"ssh -v {_typed(target)} true",
        log=log,
    )


def _remote(stderr: str, status: int, target: Target, log: Sequence[str]) -> Unreachable:
    """The login worked; the command did not get as far as our program."""
    if match := SUDO.search(stderr):
        return Unreachable(
            "sudo-refused",
            f"{target.user or 'the login user'} may not become root on {target.name}",
            expected="sudo that runs python3 without asking for a password",
            found=match[0].strip(),
            hint=f"ssh {_typed(target)} sudo -n true",
            log=log,
        )
    if status == NOT_FOUND or NO_PYTHON.search(stderr):
        match = NO_PYTHON.search(stderr)
        return Unreachable(
            "python-missing",
            f"there is no python3 on {target.name}",
            expected="Python 3.9 or newer as python3",
            found=match[0].strip() if match else f"exit status {status}",
            hint=f"ssh {_typed(target)} apt-get install -y python3-minimal",
            log=log,
        )
    return Unreachable(
        "bootstrap-failed",
        f"our program did not start on {target.name}",
        expected="a login shell that runs the command it is given",
        found=f"exit status {status}" + (f": {log[-1]}" if log else ""),
        hint=f"ssh {_typed(target)} python3 --version",
        log=log,
    )


def _typed(target: Target) -> str:
    """The destination as ssh's own command line takes it."""
    port = f"-p {target.port} " if target.port is not None else ""
    user = f"{target.user}@" if target.user else ""
    return f"{port}{user}{target.host}"
