"""What makes one machine another than its neighbour: names, keys, ids."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from ..errors import Failed
from .machine import Machine
from .process import tool, until
from .state import replace

GREET_S = 5.0  # for one greeting: a busy host's sshd begins late
RESOLVED = Path("/run/systemd/resolve/resolv.conf")
LOOK_S = 0.5
DEAD_AFTER = 3  # looks at which it did not run; at one it may just restart


def make_keys(folder: Path) -> str:
    """Make the key that logs in and the machine's own key; returns the latter's public half.

    Keys that are there already are kept, so that a creation that was killed can be continued.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("login_key", "host_key"):
        if not (folder / f"{name}.pub").exists():
            (folder / name).unlink(missing_ok=True)
            quiet = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"toque-{name}"]
            tool([*quiet, "-f", str(folder / name)])
    return " ".join((folder / "host_key.pub").read_text().split()[:2])


def write(machine: Machine) -> None:
    """Write the machine's identity into its tree, in which nothing runs.

    Programs may have run there before, and a link of theirs would lead to this host's own files.
    """
    keys = machine.folder / "keys"
    etc = machine.root / "etc"
    ssh = etc / "ssh"
    home = machine.root / "root/.ssh"
    for folder in (etc, ssh, home.parent, home):
        if folder.is_symlink():
            raise Failed(
                "kitchen-odd-files",
                f"the files of machine {machine.name} are not as a machine's should be",
                expected=f"{folder.relative_to(machine.root)} to be a directory",
                found=f"a link to {folder.readlink()}",
                hint=f"toque kitchen destroy {machine.name}",
            )
    replace(etc / "hostname", f"{machine.name}\n", 0o644)
    replace(etc / "machine-id", f"{uuid.uuid4().hex}\n", 0o444)
    replace(
        etc / "hosts",
        f"127.0.0.1 localhost\n127.0.1.1 {machine.name}\n::1 localhost ip6-localhost\n",
        0o644,
    )
    (etc / "resolv.conf").unlink(missing_ok=True)
    replace(etc / "resolv.conf", resolver(), 0o644)
    replace(ssh / "ssh_host_ed25519_key", (keys / "host_key").read_text())
    replace(ssh / "ssh_host_ed25519_key.pub", (keys / "host_key.pub").read_text(), 0o644)
    home.mkdir(mode=0o700, exist_ok=True)
    replace(home / "authorized_keys", (keys / "login_key.pub").read_text())


def is_of(machine: Machine) -> bool:
    """Whether the machine's files have its own host key: then it has all that is its own."""
    there = machine.root / "etc/ssh/ssh_host_ed25519_key.pub"
    try:
        return there.read_text() == (machine.folder / "keys/host_key.pub").read_text()
    except FileNotFoundError:
        return False


def resolver() -> str:
    """This host's name servers as a machine can use them: a stub on loopback is not there."""
    text = Path("/etc/resolv.conf").read_text() if Path("/etc/resolv.conf").exists() else ""
    servers = [line.split()[1] for line in text.splitlines() if line.startswith("nameserver ")]
    if servers and all(server.startswith("127.") for server in servers) and RESOLVED.exists():
        return RESOLVED.read_text()
    return text


def wait_for_ssh(
    machine: Machine,
    console: Callable[[], str],
    seconds: float = 180.0,
    runs: Callable[[], bool] = lambda: True,
) -> None:
    """Return when the machine's SSH greets.  Raises ``Failed("kitchen-no-ssh")``, at once when
    the machine does not run any more, where that can be seen."""
    looks = [time.monotonic()]  # when it was looked at; one that runs empties the list

    def over() -> bool:
        if greets(machine.address, machine.ssh_port):
            return True
        if time.monotonic() - looks[-1] > LOOK_S:
            looks[:-1] = [] if runs() else looks
            looks[-1] = time.monotonic()
        return len(looks) > DEAD_AFTER

    until(over, seconds, 0.01)
    if greets(machine.address, machine.ssh_port):
        return
    raise Failed(
        "kitchen-no-ssh",
        f"machine {machine.name} did not answer SSH",
        expected=f"a greeting from {machine.address}:{machine.ssh_port} within {seconds:g} s",
        found="none" if runs() else "none; it does not run any more",
        hint=f"toque kitchen destroy {machine.name}",
        log=console().splitlines()[-15:],
    )


def greets(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=GREET_S) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
