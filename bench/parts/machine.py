"""Kitchen machines to measure on: timed programs here, their CPU and SSH sessions there."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from toque.kitchen import api, cgroups

STATE = Path("/var/lib/toque-kitchen-bench")
PYCACHE = Path(f"{STATE}-pycache")
SETTLE_S = 0.15  # for what sshd does after the client has gone


@dataclass(frozen=True)
class Cost:
    """One timed run.  ``node_cpu_s`` is all CPU of the machines meanwhile."""

    wall_s: float
    node_cpu_s: float
    client_cpu_s: float
    output: str
    errors: str = ""
    capped: bool = False  # ended by us, before it was done


@dataclass(frozen=True)
class Command:
    """A program to start here."""

    argv: Sequence[str]
    stdin: bytes = b""
    cwd: Path | None = None
    env: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Bench:
    """A running machine and the way in."""

    kitchen: api.Kitchen
    machine: api.Machine

    @property
    def name(self) -> str:
        return self.machine.name

    @property
    def address(self) -> str:
        return self.machine.address

    @property
    def key(self) -> Path:
        return self.machine.key

    @property
    def known_hosts(self) -> Path:
        """Its host key, under its address."""
        return self.machine.folder / "bench_known_hosts"

    @property
    def ssh(self) -> tuple[str, ...]:
        """A cold connection with nothing of the user's configuration in it."""
        options = ("BatchMode=yes", f"UserKnownHostsFile={self.known_hosts}", "ControlPath=none")
        words = [word for option in options for word in ("-o", option)]
        return ("ssh", "-F", "/dev/null", "-T", *words, "-i", str(self.key), f"root@{self.address}")

    def inside(self, *argv: str, stdin: bytes = b"") -> str:
        """Run a program in the machine without SSH."""
        done = api.execute(self.kitchen, self.name, argv, stdin)
        if done.returncode != 0:
            raise RuntimeError(f"{argv[0]}: {done.stderr.decode('utf-8', 'replace')}")
        return done.stdout.decode("utf-8", "replace")

    def cpu(self) -> float:
        """CPU seconds that the machine has used."""
        for group in cgroups.groups(self.kitchen.store.tag, self.name):
            for name, unit in (("cpuacct.usage", 1e9), ("cpu.stat", 1e6)):
                file = group / name
                text = file.read_text() if file.exists() else ""
                if name == "cpuacct.usage" and text:
                    return int(text) / unit
                if text.startswith("usage_usec"):
                    return int(text.split()[1]) / unit
        return 0.0

    def sessions(self) -> int:
        """SSH sessions (commands run) since the machine booted, by sshd's own log."""
        log = self.inside("journalctl", "-b", "--no-pager", "-o", "cat", "-t", "sshd")
        return log.count("Starting session:")

    def reloads(self) -> int:
        """How often systemd has reloaded nginx since the machine booted."""
        log = self.inside("journalctl", "-b", "--no-pager", "-o", "cat", "-u", "nginx")
        return log.count("Reloaded ")


@contextmanager
def alone() -> Iterator[None]:
    """One benchmark at a time on this host: two would measure, and clear away, each other."""
    with STATE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def machines(*names: str, packages: Sequence[str] = ()) -> Iterator[tuple[Bench, ...]]:
    """Fresh machines in a kitchen of their own, destroyed at the end."""
    kitchen = api.Kitchen.from_environment({**os.environ, "TOQUE_KITCHEN_DIR": str(STATE)})
    made: list[Bench] = []
    try:
        for name in names:
            api.destroy(kitchen, name)
            machine = api.create(kitchen, name, driver="nspawn", packages=packages)
            made.append(Bench(kitchen, machine))
            kind, blob = machine.host_key.split()[:2]
            made[-1].known_hosts.write_text(f"{machine.address} {kind} {blob}\n")
            # A line for each session in the log; everybody measured pays for it alike.
            made[-1].inside("sh", "-c", "echo LogLevel VERBOSE >/etc/ssh/sshd_config.d/bench.conf")
            made[-1].inside("systemctl", "restart", "ssh")
        yield tuple(made)
    finally:
        for name in names:
            api.destroy(kitchen, name)
        with suppress(OSError):  # somebody's machine is still there
            STATE.rmdir()


def timed(benches: Sequence[Bench], commands: Sequence[Command], *, cap_s: float = 300.0) -> Cost:
    """Start programs of this host at the same moment and wait for all.

    After ``cap_s`` they are killed.  Raises when one fails.
    """
    time.sleep(SETTLE_S)
    node = sum(bench.cpu() for bench in benches)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    running = [_started(command) for command in commands]
    capped, outputs = False, []
    for process, command in zip(running, commands):
        left = cap_s - (time.perf_counter() - started)
        try:
            outputs.append(process.communicate(command.stdin, timeout=max(0.1, left)))
        except subprocess.TimeoutExpired:
            capped = True
            os.killpg(process.pid, signal.SIGKILL)
            outputs.append(process.communicate())
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    time.sleep(SETTLE_S)
    node = sum(bench.cpu() for bench in benches) - node
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    for process, (out, err) in zip(running, outputs):
        if process.returncode != 0 and not capped:
            words = (out + err).decode("utf-8", "replace")[-3000:]
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}: {words}")
    out, err = (b"".join(texts).decode("utf-8", "replace") for texts in zip(*outputs))
    return Cost(wall, node, used, out, err, capped)


def _started(command: Command) -> subprocess.Popen[bytes]:
    # As installed: byte code is kept.  A build machine may have switched that off.
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    clean["PYTHONPYCACHEPREFIX"] = str(PYCACHE)
    return subprocess.Popen(
        list(command.argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=command.cwd,
        env={**clean, **(command.env or {})},
        start_new_session=True,
    )


def forget_byte_code() -> None:
    shutil.rmtree(PYCACHE, ignore_errors=True)
