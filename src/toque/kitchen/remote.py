"""SSH as a driver's only way into its machine: programs, a terminal, a reboot.

The machine's pinned host key is the only one that counts, and its own key the only one offered.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence

from ..errors import Failed
from .machine import ENVIRONMENT, Machine
from .process import until
from .state import replace

SSH_FAILED = 255  # ssh(1), EXIT STATUS: an error of its own, or the program's status
BACK_S = 600.0  # a server with much memory checks it for minutes
BOOT_ID = ("cat", "/proc/sys/kernel/random/boot_id")
OPTIONS = (
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
    "CheckHostIP=no",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",  # a machine that went silent is noticed after 15 s
    "ServerAliveCountMax=3",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ControlPath=none",
    "LogLevel=ERROR",
)


def run(
    machine: Machine, argv: Sequence[str], stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run a program as root to its end.  Raises ``Failed("kitchen-no-entry")``."""
    done = tried(machine, argv, stdin)
    if done.returncode == SSH_FAILED:
        again = tried(machine, ["true"])
        if again.returncode != 0:
            raise no_entry(machine, again)
    return done


def tried(
    machine: Machine, argv: Sequence[str], stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """The same; the status is 255 when there was no way in, and the errors are ssh's own."""
    command = _command(machine, argv, "-T")
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


def output(machine: Machine, argv: Sequence[str], stdin: bytes = b"") -> str:
    """What a program printed that has to succeed.  Raises ``Failed``."""
    done = run(machine, argv, stdin)
    if done.returncode != 0:
        raise Failed(
            "kitchen-tool-failed",
            f"{argv[0]} did not do its part on machine {machine.name}",
            expected=f"`{shlex.join(argv)}` to end with status 0",
            found=f"status {done.returncode}",
            log=_lines(done)[-10:],
        )
    return done.stdout.decode("utf-8", "replace")


def shell(machine: Machine, argv: Sequence[str], term: str) -> int:
    """Run a program on this process's own terminal; returns its exit status."""
    terminal = "-t" if sys.stdin.isatty() else "-T"
    return subprocess.call(_command(machine, argv, terminal, f"TERM={term}"))


def reboot(machine: Machine) -> None:
    """Restart it through its own init; returns when another boot answers.  Raises ``Failed``."""
    before = output(machine, BOOT_ID)
    tried(machine, ["systemctl", "reboot"])  # its end may be lost with the connection

    def again() -> bool:
        now = tried(machine, BOOT_ID)
        return now.returncode == 0 and now.stdout.decode() != before

    if not until(again, BACK_S, 0.5):
        raise Failed(
            "kitchen-boot-failed",
            f"machine {machine.name} did not come back from its reboot",
            expected=f"another boot that answers SSH within {BACK_S:g} s",
            found=f"boot {before.strip()}, or no answer",
        )


def no_entry(machine: Machine, done: subprocess.CompletedProcess[bytes]) -> Failed:
    """The error for a machine that does not let us in."""
    lines = _lines(done)
    return Failed(
        "kitchen-no-entry",
        f"machine {machine.name} does not let us in as root",
        expected=f"SSH at {machine.address}:{machine.ssh_port} that shows the pinned host key and"
        f" lets {machine.user} in with {machine.key}",
        found=lines[-1] if lines else f"status {done.returncode}",
        hint=f"ssh -v -i {machine.key} -p {machine.ssh_port} {machine.user}@{machine.address} true",
        log=lines[-10:],
    )


def _command(machine: Machine, argv: Sequence[str], *words: str) -> list[str]:
    """The argument list of ssh: ``words`` are its terminal option and more environment."""
    terminal, environment = words[0], words[1:]
    alias = f"kitchen-{machine.name}"
    known = machine.folder / "known_hosts"
    pinned = f"{alias} {machine.host_key}\n"
    if not known.exists() or known.read_text() != pinned:
        replace(known, pinned)
    command = ["ssh", "-F", "none", terminal, "-i", str(machine.key), "-p", str(machine.ssh_port)]
    for option in (*OPTIONS, f"UserKnownHostsFile={known}", f"HostKeyAlias={alias}"):
        command += ["-o", option]
    become = [] if machine.user == "root" else ["sudo", "-n", "--"]
    inside = [*become, "env", "-i", *ENVIRONMENT, *environment, *argv]
    return [*command, "-l", machine.user, "--", machine.address, shlex.join(inside)]


def _lines(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    text = (done.stderr or done.stdout).decode("utf-8", "replace")
    return [line.strip() for line in text.splitlines() if line.strip()]
