"""Machines with a kernel of their own: QEMU, its processor emulated, its network in user space.

They listen on 127.0.0.1 of this host, on ports chosen free.  The way in is SSH: nothing of this
host sees a machine's processes or files.

    folder/keys, known_hosts, console.log, init.json (the identity of QEMU's process)
    folder/identity         what is the machine's own, written to its disk at its first boot
    folder/initrd           with that in it
    folder/disk.qcow2       what differs from the image's disk (qemu_disk.py)
    folder/snapshots/NAME   copies of disk.qcow2
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import identity, images, ports, remote
from ..driver import Progress
from ..machine import STANDARD_PORTS, Machine, Spec, Verdict
from ..process import alive, detached, send, tool, until, with_argument
from ..state import Record, Store, replace
from . import qemu_disk

QEMU = "qemu-system-x86_64"
NEEDED = (
    (QEMU, "qemu-system-x86"),
    ("qemu-img", "qemu-utils"),
    ("mke2fs", "e2fsprogs"),
    ("mmdebstrap", "mmdebstrap"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
)
PARTIAL = "partial_"  # no state's name has an underscore
STOP_S = 180.0  # systemd gives a unit 90 s, and the processor is emulated
BOOT_S = 300.0
# KVM is not used: a host may have /dev/kvm that hangs any real kernel (nested emulation).
HARDWARE = (
    *("-M", "q35", "-accel", "tcg,thread=multi,tb-size=128", "-cpu", "max", "-m", "512"),
    *("-smp", "2", "-nodefaults", "-display", "none", "-no-user-config"),
)
KERNEL = "console=ttyS0 quiet mitigations=off nokaslr audit=0 net.ifnames=0 panic=-1"


@dataclass(frozen=True)
class Qemu:
    store: Store
    environ: Mapping[str, str]
    name: str = "qemu"

    def probe(self) -> Verdict:
        if platform.machine() != "x86_64":
            return Verdict(self.name, False, f"needs an x86_64 host, not {platform.machine()}")
        for program, package in NEEDED:
            if shutil.which(program) is None:
                reason = f"{program} is not installed (apt-get install {package})"
                return Verdict(self.name, False, reason)
        if os.geteuid() != 0:
            return Verdict(self.name, False, "needs root to build its image")
        version = tool([QEMU, "--version"], check=False).splitlines()
        if not version:
            return Verdict(self.name, False, f"{QEMU} --version prints nothing")
        return Verdict(self.name, True, f"{version[0]}; the processor is emulated, so it is slow")

    def create(self, spec: Spec, progress: Progress) -> Machine:
        wanted = (*qemu_disk.PACKAGES, *spec.packages)
        recipe = images.recipe("systemd", spec.release, wanted, self.environ)
        image = images.ensure(self.store, recipe, progress)
        base = qemu_disk.ensure(image, progress)
        machine = self._written_down(spec, base.name)
        self._identify(machine)
        own = qemu_disk.archive_of(machine.root)
        (machine.folder / "initrd").touch(0o600)  # the machine's host key is in it
        (machine.folder / "initrd").write_bytes((base / "initrd").read_bytes() + own)
        on = ["-b", str(base / "disk.qcow2"), "-F", "qcow2"]
        tool(["qemu-img", "create", "-q", "-f", "qcow2", *on, str(_disk(machine))])
        self.start(machine)
        self.store.write(Record(spec, machine, ready=True))
        return machine

    def _written_down(self, spec: Spec, image: str) -> Machine:
        folder = self.store.folder(spec.name)
        with self.store.lock("network"):
            chosen = ports.choose(self.store)
            machine = Machine(
                name=spec.name,
                driver=self.name,
                release=spec.release,
                address=ports.LOOPBACK,
                ssh_port=chosen["ssh"],
                key=folder / "keys/login_key",
                host_key=identity.make_keys(folder / "keys"),
                root=folder / "identity",
                ports=chosen,
                created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                image=image,
            )
            self.store.write(Record(spec, machine, ready=False))
        return machine

    def _identify(self, machine: Machine) -> None:
        for folder, mode in (("", 0o755), ("etc", 0o755), ("etc/ssh", 0o755), ("root", 0o700)):
            (machine.root / folder).mkdir()
            (machine.root / folder).chmod(mode)  # whatever our umask is
        identity.write(machine)
        replace(machine.root / "etc/resolv.conf", f"nameserver {qemu_disk.RESOLVER}\n", 0o644)

    def start(self, machine: Machine) -> None:
        if not self.running(machine):
            self.kill(machine)
            self._mend(machine)
            log = machine.folder / "console.log"
            detached(self._command(machine), machine.folder / "init.json", log)
        identity.wait_for_ssh(
            machine, lambda: self.console(machine), BOOT_S, lambda: self.running(machine)
        )

    def _command(self, machine: Machine) -> list[str]:
        folder, base = machine.folder, self.store.cache / "images" / machine.image
        forwards = [
            f"hostfwd=tcp:{machine.address}:{machine.ports[purpose]}-:{inside}"
            for purpose, inside in STANDARD_PORTS.items()
        ]
        log = _quoted(folder / "console.log")
        argv = [QEMU, *HARDWARE, "-kernel", str(base / "vmlinuz")]
        argv += ["-initrd", str(folder / "initrd"), "-append", KERNEL]
        argv += ["-drive", _drive_of(folder), "-device", "virtio-blk-pci,drive=disk"]
        argv += ["-netdev", ",".join(["user", "id=net", *forwards])]
        argv += ["-device", "virtio-net-pci,netdev=net,romfile="]
        argv += ["-chardev", f"file,id=console,path={log},append=on", "-serial", "chardev:console"]
        return argv

    def stop(self, machine: Machine) -> None:
        qemu = self._process(machine)
        if alive(qemu):
            remote.tried(machine, ["systemctl", "poweroff"])  # its end may be lost
            until(lambda: not alive(qemu), STOP_S, 0.05)
        self.kill(machine)

    def reboot(self, machine: Machine) -> None:
        remote.reboot(machine)

    def kill(self, machine: Machine) -> None:
        _kill_all(_drive_of(machine.folder))
        (machine.folder / "init.json").unlink(missing_ok=True)

    def snapshot(self, machine: Machine, name: str) -> None:
        _copied(_disk(machine), machine.folder / "snapshots" / name)

    def restore(self, machine: Machine, name: str) -> None:
        _copied(machine.folder / "snapshots" / name, _disk(machine))

    def snapshots(self, machine: Machine) -> list[str]:
        there = [p for p in (machine.folder / "snapshots").glob("*") if PARTIAL not in p.name]
        return [p.name for p in sorted(there, key=lambda p: p.stat().st_ctime_ns)]

    def _mend(self, machine: Machine) -> None:
        """Remove the copies that a kill left unfinished."""
        for place in (*machine.folder.glob(f"{PARTIAL}*"), *machine.folder.glob(f"*/{PARTIAL}*")):
            place.unlink()

    def destroy(self, machine: Machine) -> None:
        self.kill(machine)
        with self.store.lock("network"):
            self.store.remove_folder(machine.name)

    def sweep(self) -> None:
        with self.store.lock("network"):
            for name in self.store.names():
                if self.store.read(name) is None:
                    _kill_all(_drive_of(self.store.folder(name)))
            self.store.remove_debris()

    def running(self, machine: Machine) -> bool:
        return alive(self._process(machine))

    def exec(
        self, machine: Machine, argv: Sequence[str], stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        return remote.run(machine, argv, stdin)

    def shell(self, machine: Machine, argv: Sequence[str] = ("/bin/bash", "-l")) -> int:
        return remote.shell(machine, argv, self.environ.get("TERM", "dumb"))

    def console(self, machine: Machine, lines: int = 100) -> str:
        try:
            text = (machine.folder / "console.log").read_text("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _process(self, machine: Machine) -> list[int] | None:
        try:
            found: list[int] = json.loads((machine.folder / "init.json").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return found


def _disk(machine: Machine) -> Path:
    return machine.folder / "disk.qcow2"


def _drive_of(folder: Path) -> str:
    """QEMU's argument that says which disk it has; it tells the machine's process from others."""
    return f"file={_quoted(folder / 'disk.qcow2')},if=none,id=disk,format=qcow2,cache=writeback"


def _kill_all(drive: str) -> None:
    """SIGKILL the processes that have or are just given this disk."""

    def gone() -> bool:
        left = with_argument(drive)
        for pid in left:
            send(pid, signal.SIGKILL)
        return not left

    until(gone, 10.0)


def _quoted(path: Path) -> str:
    """A comma ends a value in QEMU's options, two of them are one (qemu(1))."""
    return str(path).replace(",", ",,")


def _copied(file: Path, place: Path) -> None:
    """A copy of a file, at ``place`` only when it is whole."""
    place.parent.mkdir(exist_ok=True)
    staged = place.with_name(f"{PARTIAL}{place.name}")
    tool(["cp", "--reflink=auto", "--", str(file), str(staged)])
    staged.replace(place)
