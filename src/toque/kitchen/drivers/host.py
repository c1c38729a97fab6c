"""A machine that exists already, by SSH: nothing of it is made, stopped or destroyed.

    folder/mark   the text of our mark on the machine, here before it is there (host_mark.py)

Options: ``address``, ``key`` (a private key file) and ``host_key`` (``ssh-ed25519 AAAA...``);
``port``; ``user``, who becomes root by sudo when it is another; ``project``, a toque.toml whose
nodes are refused.
"""

from __future__ import annotations

import datetime
import json
import re
import shutil
import socket
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import AskedWrongly, Failed
from ...fleet.project import load_project
from .. import identity, options, remote
from ..driver import Progress
from ..machine import STANDARD_PORTS, Machine, Spec, Verdict
from ..state import Record, Store
from ..state import replace as write
from . import host_mark

REQUIRED = ("address", "key", "host_key")
OPTIONAL = ("port", "user", "project")
# What ssh takes as a destination and reads as nothing else (adapters/target.py).
ADDRESS = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:-]{0,252}")
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
HOST_KEY = re.compile(r"(ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}")
CODENAME = ("sed", "-n", "s/^VERSION_CODENAME=//p", "/etc/os-release")


@dataclass(frozen=True)
class Host:
    store: Store
    environ: Mapping[str, str]
    name: str = "host"

    def probe(self) -> Verdict:
        if shutil.which("ssh") is None:
            return Verdict(
                self.name, False, "ssh is not installed (apt-get install openssh-client)"
            )
        return Verdict(self.name, True, "ssh is there; the machine is asked when it is taken")

    def create(self, spec: Spec, progress: Progress) -> Machine:
        machine = self._described(spec)
        _refuse_node(spec, machine)
        self.store.write(Record(spec, machine, ready=False))
        try:
            codename = remote.output(machine, CODENAME).strip()
        except Failed:
            self._forget(machine)
            raise
        self._take(machine)
        if codename != spec.release:
            progress(f"machine {spec.name}: runs {codename or 'no Debian'}, not {spec.release}")
        machine = replace(machine, release=codename)
        self.store.write(Record(spec, machine, ready=True))
        progress(
            f"machine {spec.name}: {machine.address} is taken; destroy only gives it back, the "
            "machine and what is done on it stay"
        )
        return machine

    def _described(self, spec: Spec) -> Machine:
        given = options.taken(spec, REQUIRED, OPTIONAL)
        key = Path(given["key"]).expanduser()
        port, user = given.get("port", str(STANDARD_PORTS["ssh"])), given.get("user", "root")
        host_key = " ".join(given["host_key"].split()[:2])
        for name, fits, expected in (
            ("address", ADDRESS.fullmatch(given["address"]), "a host name or an IP address"),
            ("user", USER.fullmatch(user), "a user's name"),
            ("port", port.isascii() and port.isdigit() and 0 < int(port) < 65536, "1 to 65535"),
            ("host_key", HOST_KEY.fullmatch(host_key), "a line like: ssh-ed25519 AAAAC3Nz..."),
            ("key", key.is_absolute() and key.is_file(), "the whole path of a private key file"),
        ):
            if not fits:
                raise options.wrong(spec, name, expected, repr(given.get(name, "")))
        if spec.packages:
            raise _cannot(spec.name, "install packages", f"packages {list(spec.packages)}")
        return Machine(
            name=spec.name,
            driver=self.name,
            release=spec.release,
            address=given["address"],
            ssh_port=int(port),
            user=user,
            key=key,
            host_key=host_key,
            root=self.store.folder(spec.name) / "root",
            ports={**STANDARD_PORTS, "ssh": int(port)},
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            image="",
        )

    def _take(self, machine: Machine) -> None:
        place = f"{socket.gethostname()}:{self.store.state}"
        text = json.dumps({"kitchen": place, "machine": machine.name, "id": uuid.uuid4().hex})
        write(machine.folder / "mark", text)
        said = _marked(machine, "take", text)
        if said != "taken":
            self._forget(machine)
        if said == "node":
            raise AskedWrongly(
                "kitchen-host-is-node",
                f"{machine.address} is a node: Toque has been there, and for no kitchen",
                expected="a machine that may be broken",
                found=f"{host_mark.STATE} on it",
                hint=f"if nobody needs what is there: touch {host_mark.MARK}   (on it)",
            )
        if said != "taken":
            raise AskedWrongly(
                "kitchen-host-taken",
                f"{machine.address} is taken by another machine of a kitchen",
                expected="a machine for each suite",
                found=said[:300],
                hint="toque kitchen destroy NAME   (in that kitchen)",
            )

    def start(self, machine: Machine) -> None:
        identity.wait_for_ssh(machine, lambda: "")

    def stop(self, machine: Machine) -> None:
        raise _cannot(machine.name, "power it off")

    def reboot(self, machine: Machine) -> None:
        remote.reboot(machine)

    def kill(self, machine: Machine) -> None:
        raise _cannot(machine.name, "cut its power")

    def snapshot(self, machine: Machine, name: str) -> None:
        raise _cannot(machine.name, "keep its state")

    def restore(self, machine: Machine, name: str) -> None:
        raise _cannot(machine.name, "put it back to a state")

    def snapshots(self, machine: Machine) -> list[str]:
        return []

    def destroy(self, machine: Machine) -> None:
        mark = machine.folder / "mark"
        if mark.exists():
            _marked(machine, "give-back", mark.read_text())
        self._forget(machine)

    def sweep(self) -> None:
        with self.store.lock("network"):
            self.store.remove_debris()

    def running(self, machine: Machine) -> bool:
        return identity.greets(machine.address, machine.ssh_port)

    def exec(
        self, machine: Machine, argv: Sequence[str], stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        return remote.run(machine, argv, stdin)

    def shell(self, machine: Machine, argv: Sequence[str] = ("/bin/bash", "-l")) -> int:
        return remote.shell(machine, argv, self.environ.get("TERM", "dumb"))

    def console(self, machine: Machine, lines: int = 100) -> str:
        argv = ["journalctl", "--boot", "--no-pager", f"--lines={lines}"]
        return remote.run(machine, argv).stdout.decode("utf-8", "replace").rstrip("\n")

    def _forget(self, machine: Machine) -> None:
        with self.store.lock("network"):
            self.store.remove_folder(machine.name)


def _marked(machine: Machine, verb: str, text: str) -> str:
    script = Path(host_mark.__file__).read_bytes()
    return remote.output(machine, ["python3", "-I", "-", verb, text], script).strip()


def _refuse_node(spec: Spec, machine: Machine) -> None:
    """Raise when the machine is a node of the project that the options name."""
    if not spec.options.get("project"):
        return
    file = Path(spec.options["project"]).expanduser()
    if not file.is_absolute():
        raise options.wrong(spec, "project", "the whole path of a toque.toml", repr(str(file)))
    for node in load_project(file).nodes.values():
        host, port = _split(node.address)
        same = _meanings(host) & _meanings(machine.address)
        if same and (node.port or port) == machine.ssh_port:
            raise AskedWrongly(
                "kitchen-host-is-node",
                f"{machine.address} is a node: {node.name} of {file}",
                expected="a machine that may be broken",
                found=f"node {node.name} at {node.address}",
            )


def _split(address: str) -> tuple[str, int]:
    """Host and port of ``USER@HOST:PORT``, of which only HOST must be there."""
    host = address.rpartition("@")[2]
    if match := re.fullmatch(r"\[([^\]]*)\](?::(\d+))?|([^:]*)(?::(\d+))?", host):
        return match[1] or match[3], int(match[2] or match[4] or STANDARD_PORTS["ssh"])
    return host, STANDARD_PORTS["ssh"]


def _meanings(host: str) -> set[str]:
    """A host's name as it is written and the addresses that it has now."""
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        found = []
    return {host.lower(), *(str(entry[4][0]) for entry in found)}


def _cannot(name: str, what: str, found: str = "") -> AskedWrongly:
    return AskedWrongly(
        "kitchen-driver-cannot",
        f"machine {name} is not the kitchen's own: driver host cannot {what}",
        expected="create, converge, verify, login, exec, console, reboot or destroy",
        found=found,
        hint='a suite with driver = "auto" has a machine of the kitchen\'s own',
    )
