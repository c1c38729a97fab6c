"""Machines with a real systemd in a container of podman's: the same trees as nspawn's.

folder/keys, upper, work, apt   made by create
folder/snapshots, below.json    see states.py
folder/root                     the overlay, mounted while the machine exists
folder/keeper.json, boot.json   see podman_keeper.py

podman's own files lie in RUN/TAG and go with the last machine: a container is made at each boot
and holds nothing, so that a host that was switched off leaves nothing to repair.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import Failed
from .. import addresses, cgroups, identity, images, network, packages, podman_keeper
from ..driver import Progress
from ..machine import ENVIRONMENT, STANDARD_PORTS, Machine, Spec, Verdict
from ..process import alive, detached, send, tool, until, with_argument
from ..state import Record, Store, replace
from . import states
from .nspawn import PROBE, PROBED
from .overlay import mount, mounted, unmount

RUN = Path("/run/toque-kitchen-podman")
# systemd(1): what its first process is told to power off and to reboot.
POWER_OFF = signal.SIGRTMIN + 4
REBOOT = signal.SIGRTMIN + 5
STOP_S = 95.0  # systemd itself waits up to 90 s for a process that ignores SIGTERM

# crun refuses hosts with both versions of control groups, and locks in shared memory would be
# those of the user's own containers.
CONFIG = """\
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
runtime = "runc"
"""
# podman lays files of its own over some that a cookbook may want to replace, and an empty journal
# over the one that is kept.  All containers tell the boot id of their host: each boot gets its own.
INIT = """\
for place in /etc/hostname /etc/resolv.conf /etc/hosts /var/log/journal; do
    umount $place 2>/dev/null
done
cat /proc/sys/kernel/random/uuid >/run/boot-id
mount --bind /run/boot-id /proc/sys/kernel/random/boot_id
exec /sbin/init
"""
MERGED = ("bin", "lib", "lib64", "sbin")  # links into /usr on hosts of today


@dataclass(frozen=True)
class Podman:
    store: Store
    environ: Mapping[str, str]
    name: str = "podman"

    def probe(self) -> Verdict:
        reason = self._reason_against()
        return Verdict(self.name, not reason, reason or "a container ran, with overlay and bridge")

    def _reason_against(self) -> str:
        if os.geteuid() != 0:
            return "needs root"
        for program, package in (
            ("podman", "podman"),
            ("runc", "runc"),
            ("mmdebstrap", "mmdebstrap"),
            ("nft", "nftables"),
            ("ip", "iproute2"),
            ("ssh-keygen", "openssh-client"),
            ("unshare", "util-linux"),
        ):
            if shutil.which(program) is None:
                return f"{program} is not installed (apt-get install {package})"
        with self.store.lock(PROBED):
            try:
                return self._reason_found_by_trying()
            finally:
                self._remove_probe()

    def _reason_found_by_trying(self) -> str:
        place = self._run / PROBED
        (place / "try").mkdir(parents=True, exist_ok=True)
        spaces = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork"]
        tree = place / "root"
        tree.mkdir(exist_ok=True)
        shared = ["--volume=/usr:/usr:ro"]
        for folder in MERGED:
            if Path("/", folder).is_symlink():
                (tree / folder).unlink(missing_ok=True)
                (tree / folder).symlink_to(f"usr/{folder}")
            elif Path("/", folder).is_dir():
                shared.append(f"--volume=/{folder}:/{folder}:ro")
        container = ["run", "--rm", "--privileged", "--network=none", *_limits(), *shared]
        container += [f"--cgroup-parent={self._parent(PROBED)}", "--rootfs", str(tree)]
        for argv in (
            [*spaces, sys.executable, "-I", "-c", PROBE, str(place / "try")],
            [*self._podman(PROBED), *container, "/usr/bin/true"],
        ):
            done = subprocess.run(argv, capture_output=True, text=True)
            if done.returncode != 0:
                return (done.stderr.strip().splitlines() or [f"{argv[-1]} failed"])[-1]
        return ""

    def _remove_probe(self) -> None:
        """Remove what trying made, here or in a run that was killed; holds the lock ``PROBED``."""
        self._remove_container(PROBED, PROBED)
        self._remove_run(PROBED)
        cgroups.remove(self._groups(PROBED))

    def create(self, spec: Spec, progress: Progress) -> Machine:
        folder = self.store.folder(spec.name)
        recipe = images.recipe("systemd", spec.release, spec.packages, self.environ)
        image = images.ensure(self.store, recipe, progress)
        machine = self._written_down(spec, folder, image.name)
        packages.layer(self.store, spec.release, folder / "apt")
        self.start(machine)
        self.store.write(Record(spec, machine, ready=True))
        return machine

    def _written_down(self, spec: Spec, folder: Path, image: str) -> Machine:
        with self.store.lock("network"):
            net = network.ensure(self.store.tag)
            taken = {record.machine.address for record in self.store.records()}
            machine = Machine(
                name=spec.name,
                driver=self.name,
                release=spec.release,
                address=str(addresses.free_address(net.subnet, taken)),
                ssh_port=STANDARD_PORTS["ssh"],
                key=folder / "keys/login_key",
                host_key=identity.make_keys(folder / "keys"),
                root=folder / "root",
                ports=dict(STANDARD_PORTS),
                created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                image=image,
            )
            self.store.write(Record(spec, machine, ready=False))
        return machine

    def _mount(self, machine: Machine) -> None:
        folder = machine.folder
        if mounted(machine.root):
            return
        states.mend(folder)
        image = self.store.cache / "images" / machine.image
        if not image.is_dir():
            raise Failed(
                "kitchen-image-gone",
                f"machine {machine.name} stands on files that were removed",
                expected=str(image),
                found="no such folder",
                hint=f"toque kitchen destroy {machine.name}",
            )
        below = [*states.trees(folder), folder / "apt", image]
        mount(machine.root, below, folder / "upper", folder / "work")
        if not identity.is_of(machine):
            machine.root.chmod(0o755)
            identity.write(machine)

    def start(self, machine: Machine) -> None:
        if not self.running(machine):
            self._boot(machine)
        identity.wait_for_ssh(
            machine, lambda: self.console(machine), runs=lambda: self.running(machine)
        )

    def _boot(self, machine: Machine) -> None:
        folder, podman = machine.folder, self._podman()
        self.kill(machine)
        with self.store.lock("network"):
            net = network.ensure(self.store.tag)
        self._mount(machine)
        argv = ["create", f"--name={machine.name}", f"--hostname={machine.name}", "--privileged"]
        argv += [
            "--systemd=always",
            "--tty",
            "--network=none",
            "--no-hosts",
        ]
        argv += [
            *_limits(),
            f"--cgroup-parent={self._parent(machine.name)}",
            "--log-driver=k8s-file",
        ]
        argv += [f"--log-opt=path={folder / 'console.log'}", "--log-opt=max-size=1mb"]
        tool([*podman, *argv, "--rootfs", str(machine.root), "/bin/sh", "-c", INIT])
        settings = {
            "podman": podman,
            "name": machine.name,
            "link": self._link(machine.name),
            "bridge": net.bridge,
            "address": machine.address,
            "gateway": net.gateway,
            "folder": str(folder),
        }
        replace(folder / "keeper.json", json.dumps(settings))
        keeping = [sys.executable, "-I", podman_keeper.__file__, str(folder / "keeper.json")]
        (folder / "keeper.log").unlink(missing_ok=True)
        detached(keeping, folder / "keeper.id", folder / "keeper.log")
        until(lambda: self.running(machine) or not with_argument(keeping[-1]), 20.0)
        if not self.running(machine):
            self.kill(machine)
            raise Failed(
                "kitchen-boot-failed",
                f"machine {machine.name} did not boot",
                expected="its first process with a network interface within 20 s",
                hint=f"toque kitchen destroy {machine.name}",
                log=[
                    *self.console(machine).splitlines()[-10:],
                    *(folder / "keeper.log").read_text().splitlines()[-5:],
                ],
            )

    def stop(self, machine: Machine) -> None:
        leader = self._leader(machine)
        if leader:
            os.kill(leader, POWER_OFF)
            until(lambda: not self.running(machine), STOP_S, 0.02)
        self.kill(machine)

    def reboot(self, machine: Machine) -> None:
        leader = self._leader(machine)
        if leader is None:
            self.start(machine)
            return
        before = self._boot_state(machine)["boot"]
        os.kill(leader, REBOOT)
        if not until(lambda: self._boot_state(machine).get("boot", 0) > before, STOP_S, 0.02):
            raise Failed(
                "kitchen-boot-failed",
                f"machine {machine.name} did not come back from its reboot",
                expected=f"another boot within {STOP_S:g} s",
                hint=f"toque kitchen destroy {machine.name}",
                log=self.console(machine).splitlines()[-10:],
            )
        identity.wait_for_ssh(
            machine, lambda: self.console(machine), runs=lambda: self.running(machine)
        )

    def kill(self, machine: Machine) -> None:
        self._quench(machine.name, self.store.folder(machine.name))
        (machine.folder / "boot.json").unlink(missing_ok=True)

    def _quench(self, name: str, folder: Path) -> None:
        """Kill all of a machine: first who would start it again, last what podman keeps of it."""
        config = str(folder / "keeper.json")
        for pid in with_argument(config):
            send(pid, signal.SIGKILL)
        until(lambda: not with_argument(config), 5.0)
        # Without its monitor podman would not know that the container ended; all else dies.
        inside = [place for group in self._groups(name) for place in group.glob("libpod-*")]
        cgroups.cut(place for place in inside if not place.name.startswith("libpod-conmon"))
        self._remove_container(name)

    def _remove_container(self, name: str, of: str = "") -> None:
        if not (self._run / of / "storage").is_dir() or shutil.which("podman") is None:
            return
        remove = [*self._podman(of), "rm", "--force", "--time=0", "--ignore"]
        # The first try on a container whose monitor was killed finds out that it was.
        everything = ["--all"] if of else [name]
        until(lambda: _succeeds([*remove, *everything]), 10.0, 0.2)

    def snapshot(self, machine: Machine, name: str) -> None:
        unmount(machine.root)
        states.mend(machine.folder)
        states.keep(machine.folder, name)

    def restore(self, machine: Machine, name: str) -> None:
        unmount(machine.root)
        states.mend(machine.folder)
        states.go_back(machine.folder, name)

    def snapshots(self, machine: Machine) -> list[str]:
        return states.names(machine.folder)

    def destroy(self, machine: Machine) -> None:
        self._quench(machine.name, machine.folder)
        cgroups.remove(self._groups(machine.name))
        unmount(machine.root)
        for tree in (machine.folder / "upper", *states.trees(machine.folder)):
            packages.take_back(self.store, machine.release, tree)
        self.store.empty_folder(machine.name)
        with self.store.lock("network"):
            self.store.remove_folder(machine.name)
        self.sweep()

    def sweep(self) -> None:
        with self.store.lock(PROBED):
            self._remove_probe()
        with self.store.lock("network"):
            records = self.store.records()
            recorded = {record.spec.name for record in records}
            for name in self._containers() | set(self.store.names()) - recorded:
                if name not in recorded:
                    self._quench(name, self.store.folder(name))
                    cgroups.remove(self._groups(name))
                    unmount(self.store.folder(name) / "root")
            self.store.remove_debris()
            if not any(record.spec.driver == self.name for record in records):
                self._remove_run()
            network.remove(self.store.tag, {record.machine.address for record in records})

    def _containers(self) -> set[str]:
        if not (self._run / "storage").is_dir() or shutil.which("podman") is None:
            return set()
        return set(tool([*self._podman(), "ps", "--all", "--format={{.Names}}"]).split())

    def _remove_run(self, of: str = "") -> None:
        """Remove podman's own files, in which no container is left."""
        unmount(self._run / of)
        shutil.rmtree(self._run / of, ignore_errors=True)
        for folder in (self._run, RUN):
            try:
                folder.rmdir()
            except OSError:
                pass

    def running(self, machine: Machine) -> bool:
        return self._leader(machine) is not None

    def exec(
        self, machine: Machine, argv: Sequence[str], stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        entered = [*self._enter(machine, "--interactive"), *argv]
        return subprocess.run(entered, input=stdin, capture_output=True, check=False)

    def shell(self, machine: Machine, argv: Sequence[str] = ("/bin/bash", "-l")) -> int:
        flags = ["--interactive", *(["--tty"] if sys.stdin.isatty() else [])]
        term = f"TERM={self.environ.get('TERM', 'dumb')}"
        return subprocess.call([*self._enter(machine, *flags), term, *argv])

    def _enter(self, machine: Machine, *flags: str) -> list[str]:
        if not self.running(machine):
            raise Failed(
                "kitchen-not-running",
                f"machine {machine.name} is not running",
                hint=f"toque kitchen create {machine.name}",
            )
        return [*self._podman(), "exec", *flags, machine.name, "env", "-i", *ENVIRONMENT]

    def console(self, machine: Machine, lines: int = 100) -> str:
        try:
            text = (machine.folder / "console.log").read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return "\n".join(printed(text).splitlines()[-lines:])

    def _podman(self, of: str = "") -> list[str]:
        """podman with files, locks and settings of this kitchen's own."""
        run = self._run / of
        run.mkdir(parents=True, exist_ok=True)
        if not (run / "containers.conf").exists():
            replace(run / "containers.conf", CONFIG)
        return [
            "env",
            f"CONTAINERS_CONF={run / 'containers.conf'}",
            "podman",
            f"--root={run / 'storage'}",
            f"--runroot={run / 'run'}",
            f"--tmpdir={run / 'tmp'}",
            "--storage-driver=vfs",
        ]

    @property
    def _run(self) -> Path:
        return RUN / self.store.tag

    def _parent(self, name: str) -> str:
        return f"/toque-kitchen-{self.store.tag}/{name}"

    def _groups(self, name: str) -> list[Path]:
        """The machine's control groups: runc makes one in every hierarchy of the host."""
        return cgroups.groups(self.store.tag, name, all_hierarchies=True)

    def _link(self, name: str) -> str:
        """The name of a network interface has at most 15 characters (IFNAMSIZ)."""
        return f"tqp{self.store.tag}{hashlib.sha256(name.encode()).hexdigest()[:6]}"

    def _leader(self, machine: Machine) -> int | None:
        """The machine's first process, as this host numbers it; None when it does not run."""
        identity_of: list[int] | None = self._boot_state(machine).get("leader")
        return identity_of[0] if identity_of and alive(identity_of) else None

    def _boot_state(self, machine: Machine) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads((machine.folder / "boot.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return state


def _limits() -> list[str]:
    """podman asks for more than a process without CAP_SYS_RESOURCE may give."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return [f"--ulimit=nofile={min(1024, files)}:{files}", "--ulimit=nproc=4096:4096"]


def printed(log: str) -> str:
    """What was printed, from lines ``TIME STREAM F|P TEXT``; P is a line that goes on."""
    text = []
    for line in log.splitlines():
        _time, _stream, kind, rest = (line.split(" ", 3) + ["", "", "", ""])[:4]
        text.append(rest if kind == "P" else f"{rest}\n")
    return "".join(text)


def _succeeds(argv: Sequence[str]) -> bool:
    return subprocess.run(argv, capture_output=True).returncode == 0
