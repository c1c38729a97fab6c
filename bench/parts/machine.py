"""A kitchen machine to measure on: timed programs here, their CPU and SSH sessions there."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from toque.kitchen import api, cgroups

STATE = "/var/lib/toque-kitchen-bench"
SETTLE_S = 0.15  # for what sshd does after the client has gone


@dataclass(frozen=True)
class Cost:
    """One timed run.  ``node_cpu_s`` is all CPU of the machine meanwhile."""

    wall_s: float
    node_cpu_s: float
    client_cpu_s: float
    output: str


@dataclass(frozen=True)
class Bench:
    """A running machine and the way in."""

    kitchen: api.Kitchen
    machine: api.Machine

    @property
    def address(self) -> str:
        return self.machine.address

    @property
    def ssh(self) -> tuple[str, ...]:
        """A cold connection with nothing of the user's configuration in it."""
        known = f"{self.machine.folder}/bench_known_hosts"
        options = ("BatchMode=yes", f"UserKnownHostsFile={known}", "ControlPath=none")
        words = [word for option in options for word in ("-o", option)]
        key = str(self.machine.key)
        return ("ssh", "-F", "/dev/null", "-T", *words, "-i", key, f"root@{self.address}")

    def inside(self, *argv: str, stdin: bytes = b"") -> str:
        """Run a program in the machine without SSH."""
        done = api.execute(self.kitchen, self.machine.name, argv, stdin)
        if done.returncode != 0:
            raise RuntimeError(f"{argv[0]}: {done.stderr.decode('utf-8', 'replace')}")
        return done.stdout.decode("utf-8", "replace")

    def cpu(self) -> float:
        """CPU seconds that the machine has used."""
        for group in cgroups.groups(self.kitchen.store.tag, self.machine.name):
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

    def timed(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 300.0,
    ) -> Cost:
        """Run a program of this host to its end.  Raises when it fails."""
        # As installed: byte code is kept.  A build machine may have switched that off.
        clean = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        clean["PYTHONPYCACHEPREFIX"] = f"{STATE}/pycache"
        time.sleep(SETTLE_S)
        node, client = self.cpu(), resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        done = subprocess.run(
            list(argv),
            input=stdin,
            capture_output=True,
            cwd=cwd,
            env={**clean, **(env or {})},
            timeout=timeout_s,
        )
        wall = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        time.sleep(SETTLE_S)
        node = self.cpu() - node
        used = after.ru_utime + after.ru_stime - client.ru_utime - client.ru_stime
        output = done.stdout.decode("utf-8", "replace")
        if done.returncode != 0:
            words = done.stderr.decode("utf-8", "replace")[-2000:] or output[-2000:]
            raise RuntimeError(f"{argv[0]} ended with {done.returncode}: {words}")
        return Cost(wall, node, used, output)


@contextmanager
def machine(name: str = "engine") -> Iterator[Bench]:
    """A fresh machine in a kitchen of its own, destroyed at the end."""
    kitchen = api.Kitchen.from_environment({**os.environ, "TOQUE_KITCHEN_DIR": STATE})
    api.destroy(kitchen, name)
    made = api.create(kitchen, name, driver="nspawn")
    try:
        bench = Bench(kitchen, made)
        kind, blob = made.host_key.split()[:2]
        (made.folder / "bench_known_hosts").write_text(f"{made.address} {kind} {blob}\n")
        # VERBOSE writes one line for each session; everybody measured pays for it alike.
        bench.inside("sh", "-c", "echo LogLevel VERBOSE >/etc/ssh/sshd_config.d/bench.conf")
        bench.inside("systemctl", "restart", "ssh")
        yield bench
    finally:
        api.destroy(kitchen, name)
        shutil.rmtree(f"{STATE}/pycache", ignore_errors=True)
        with suppress(OSError):  # somebody's machine is still there
            Path(STATE).rmdir()
