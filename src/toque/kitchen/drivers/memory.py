"""Machines that are only written down: no root, no process, no network, made in a millisecond.

For trying out suites and hooks, and for tests of what uses the kitchen.  A machine is a folder of
files and a few programs that read and write them (``PROGRAMS``); everything else is not found.
Nothing answers SSH.

folder/root            its files
folder/snapshots/NAME  copies of them
folder/running         there while it runs
folder/console.log
"""

from __future__ import annotations

import base64
import datetime
import os
import posixpath
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from ...errors import Failed
from .. import addresses
from ..driver import Progress
from ..machine import STANDARD_PORTS, Machine, Spec, Verdict
from ..state import Record, Store

LOOPBACK = IPv4Network("127.213.0.0/24")
REFUSED = 1  # a port at which nobody listens, so that who connects is told at once

Answer = tuple[int, bytes, bytes]  # exit status, standard output, standard error


@dataclass(frozen=True)
class Memory:
    store: Store
    environ: Mapping[str, str]
    name: str = "memory"

    def probe(self) -> Verdict:
        return Verdict(self.name, True, "needs nothing; nothing really runs in its machines")

    def create(self, spec: Spec, progress: Progress) -> Machine:
        folder = self.store.folder(spec.name)
        with self.store.lock("network"):
            taken = {record.machine.address for record in self.store.records()}
            machine = Machine(
                name=spec.name,
                driver=self.name,
                release=spec.release,
                address=str(addresses.free_address(LOOPBACK, taken)),
                ssh_port=REFUSED,
                key=folder / "keys/login_key",
                host_key=_made_up_key(),
                root=folder / "root",
                ports=dict.fromkeys(STANDARD_PORTS, REFUSED),
                created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                image="",
            )
            self.store.write(Record(spec, machine, ready=False))
        for place in ("etc", "root", "run", "srv", "tmp"):
            (machine.root / place).mkdir(parents=True, exist_ok=True)
        (machine.root / "etc/hostname").write_text(f"{spec.name}\n")
        self.start(machine)
        self.store.write(Record(spec, machine, ready=True))
        return machine

    def start(self, machine: Machine) -> None:
        if not self.running(machine):
            self._print(machine, "booted")
            (machine.folder / "running").touch()

    def stop(self, machine: Machine) -> None:
        if self.running(machine):
            self._print(machine, "powered off")
        self.kill(machine)

    def reboot(self, machine: Machine) -> None:
        self.stop(machine)
        self.start(machine)

    def kill(self, machine: Machine) -> None:
        (machine.folder / "running").unlink(missing_ok=True)
        for place in ("run", "tmp"):
            shutil.rmtree(machine.root / place, ignore_errors=True)
            (machine.root / place).mkdir(parents=True)

    def snapshot(self, machine: Machine, name: str) -> None:
        shutil.copytree(machine.root, machine.folder / "snapshots" / name)

    def restore(self, machine: Machine, name: str) -> None:
        shutil.rmtree(machine.root)
        shutil.copytree(machine.folder / "snapshots" / name, machine.root)

    def snapshots(self, machine: Machine) -> list[str]:
        there = (machine.folder / "snapshots").glob("*")
        return [place.name for place in sorted(there, key=lambda place: place.stat().st_ctime_ns)]

    def destroy(self, machine: Machine) -> None:
        with self.store.lock("network"):
            self.store.remove_folder(machine.name)

    def sweep(self) -> None:
        with self.store.lock("network"):
            self.store.remove_debris()

    def running(self, machine: Machine) -> bool:
        return (machine.folder / "running").exists()

    def exec(
        self, machine: Machine, argv: Sequence[str], stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        if not self.running(machine):
            raise Failed(
                "kitchen-not-running",
                f"machine {machine.name} is not running",
                hint=f"toque kitchen create {machine.name}",
            )
        program = PROGRAMS.get(argv[0])
        if program is None:
            known = ", ".join(PROGRAMS)
            words = f"{argv[0]}: a machine in memory has no such program, only {known}\n"
            return subprocess.CompletedProcess(argv, 127, b"", words.encode())
        status, out, err = program(machine.root, argv[1:], stdin)
        return subprocess.CompletedProcess(argv, status, out, err)

    def shell(self, machine: Machine, argv: Sequence[str] = ("/bin/bash", "-l")) -> int:
        done = self.exec(machine, argv)
        sys.stdout.buffer.write(done.stdout)
        sys.stderr.buffer.write(done.stderr)
        return done.returncode

    def console(self, machine: Machine, lines: int = 100) -> str:
        try:
            return "\n".join((machine.folder / "console.log").read_text().splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def _print(self, machine: Machine, text: str) -> None:
        with open(machine.folder / "console.log", "a") as file:
            file.write(f"{machine.name}: {text}\n")


def _made_up_key() -> str:
    """A public key of the right form (RFC 8709) whose private half nobody has."""
    kind = b"ssh-ed25519"
    parts = (len(kind).to_bytes(4), kind, (32).to_bytes(4), os.urandom(32))
    return f"ssh-ed25519 {base64.b64encode(b''.join(parts)).decode()}"


def _place(root: Path, path: str) -> Path:
    return root / posixpath.normpath(posixpath.join("/", path)).lstrip("/")


def _cat(root: Path, paths: Sequence[str], stdin: bytes) -> Answer:
    out, err = b"" if paths else stdin, ""
    for path in paths:
        try:
            out += _place(root, path).read_bytes()
        except OSError as error:
            err += f"cat: {path}: {error.strerror}\n"
    return bool(err), out, err.encode()


def _tee(root: Path, paths: Sequence[str], stdin: bytes) -> Answer:
    err = ""
    for path in paths:
        try:
            _place(root, path).write_bytes(stdin)
        except OSError as error:
            err += f"tee: {path}: {error.strerror}\n"
    return bool(err), stdin, err.encode()


def _echo(_root: Path, words: Sequence[str], _stdin: bytes) -> Answer:
    return 0, f"{' '.join(words)}\n".encode(), b""


PROGRAMS: Mapping[str, Callable[[Path, Sequence[str], bytes], Answer]] = {
    "cat": _cat,
    "echo": _echo,
    "false": lambda _root, _arguments, _stdin: (1, b"", b""),
    "tee": _tee,
    "true": lambda _root, _arguments, _stdin: (0, b"", b""),
}
