"""Machines with a real systemd: an overlay on an image, booted by systemd-nspawn.

folder/keys, upper, work, apt   made by create
folder/snapshots, below.json    see states.py
folder/root                     the overlay, mounted while the machine exists
folder/keeper.json, boot.json   see keeper.py
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import Failed
from .. import addresses, cgroups, identity, images, keeper, network, packages
from ..driver import Progress
from ..layercache import LayerCache
from ..machine import ENVIRONMENT, STANDARD_PORTS, Machine, Spec, Verdict
from ..process import alive, detached, send, stopped, until, with_argument
from ..state import Record, Store
from . import states
from .overlay import mount, mounted, unmount

# systemd(1): what `machinectl poweroff` and `reboot` send to the machine's first process.
POWER_OFF = signal.SIGRTMIN + 4
REBOOT = signal.SIGRTMIN + 5
BOOT_S = 90.0  # for the first process; a second on a machine that has nothing else to do
STOPPED_LOOK_S = 1.0  # how often a program that says nothing is looked at
STOP_S = 95.0  # systemd itself waits up to 90 s for a process that ignores SIGTERM

# What a probe's folder, group and lock are called; no machine can have the name.
PROBED = "probe_"

# Tried in namespaces of its own, so that nothing of it stays: what creating a machine needs.
PROBE = """
import os, subprocess, sys
d = sys.argv[1]
for n in "lower", "upper", "work", "root":
    os.makedirs(f"{d}/{n}", exist_ok=True)
layers = f"lowerdir={d}/lower,upperdir={d}/upper,workdir={d}/work"
for argv in (
    ["mount", "-t", "tmpfs", "tmpfs", f"{d}/lower"],
    ["mount", "-t", "overlay", "-o", layers, "overlay", f"{d}/root"],
    ["ip", "link", "add", "tqkprobe", "type", "bridge"],
    ["nft", "add", "table", "ip", "toque_probe"],
):
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        words = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        sys.exit(f"`{' '.join(argv[:4])}` failed: {words}")
"""


@dataclass(frozen=True)
class Nspawn:
    store: Store
    environ: Mapping[str, str]
    name: str = "nspawn"

    @property
    def _cache(self) -> LayerCache:
        return LayerCache(self.store)

    def probe(self) -> Verdict:
        reason = self._reason_against()
        return Verdict(self.name, not reason, reason or "namespaces, overlay and bridge work")

    def _reason_against(self) -> str:
        if os.geteuid() != 0:
            return "needs root"
        for program, package in (
            ("systemd-nspawn", "systemd-container"),
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
        place = self.store.state / PROBED
        place.mkdir(parents=True, exist_ok=True)
        flags = ["--mount", "--uts", "--ipc", "--net", "--pid", "--fork"]
        done = subprocess.run(
            ["unshare", *flags, sys.executable, "-I", "-c", PROBE, str(place)],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            return (done.stderr.strip().splitlines() or ["unshare failed"])[-1]
        groups = cgroups.groups(self.store.tag, PROBED)
        if not groups:
            return "no control groups are mounted"
        try:
            cgroups.make(groups)
            with open(network.FORWARD, "r+"):
                pass
        except OSError as error:
            return f"cannot write to {error.filename}: {error.strerror}"
        return ""

    def _remove_probe(self) -> None:
        """Remove what trying made, here or in a run that was killed; holds the lock ``PROBED``."""
        shutil.rmtree(self.store.state / PROBED, ignore_errors=True)
        cgroups.remove(cgroups.groups(self.store.tag, PROBED))

    def create(self, spec: Spec, progress: Progress) -> Machine:
        folder = self.store.folder(spec.name)
        recipe = images.recipe("systemd", spec.release, spec.packages, self.environ)
        image = images.ensure(self.store, recipe, progress)
        machine = self._written_down(spec, folder, image.name)
        identity.make_keys(folder / "keys")
        packages.layer(self.store, spec.release, folder / "apt")
        if spec.layered:
            self._cache.stand_as_before(folder, image.name)
        self.start(machine)
        self.store.write(Record(spec, machine, ready=True))
        return machine

    def _written_down(self, spec: Spec, folder: Path, image: str) -> Machine:
        """Choose the machine's address and write its record, under the network's lock."""
        with self.store.lock("network"):
            net = network.ensure(self.store.tag)
            taken = {record.machine.address for record in self.store.records()}
            address = str(addresses.free_address(net.subnet, taken))
            host_key = identity.make_keys(folder / "keys")
            machine = Machine(
                name=spec.name,
                driver=self.name,
                release=spec.release,
                address=address,
                ssh_port=STANDARD_PORTS["ssh"],
                key=folder / "keys/login_key",
                host_key=host_key,
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
        below = [*states.trees(folder), *self._cache.trees(folder), folder / "apt", image]
        for tree in below:
            if not tree.is_dir():
                raise Failed(
                    "kitchen-image-gone",
                    f"machine {machine.name} stands on files that were removed",
                    expected=str(tree),
                    found="no such folder",
                    hint=f"toque kitchen destroy {machine.name}",
                )
        mount(machine.root, below, folder / "upper", folder / "work")
        if not identity.is_of(machine):  # what it stands on has another machine's, or none
            machine.root.chmod(0o755)
            identity.write(machine)

    def start(self, machine: Machine) -> None:
        if not self.running(machine):
            self._boot(machine)
        identity.wait_for_ssh(
            machine, lambda: self.console(machine), runs=lambda: self.running(machine)
        )

    def _boot(self, machine: Machine) -> None:
        folder = machine.folder
        with self.store.lock("network"):
            net = network.ensure(self.store.tag)
        self._mount(machine)
        groups = self._groups(machine)
        # New ones: Linux remembers that a group was killed, and kills at once whatever Debian 13's
        # systemd starts from there in a group that was not (clone3 with CLONE_INTO_CGROUP).
        cgroups.remove(groups)
        cgroups.make(groups)
        (folder / "boot.json").unlink(missing_ok=True)
        argv = ["systemd-nspawn", "--quiet", f"--directory={machine.root}"]
        argv += [f"--machine={self._unique(machine.name)}", f"--hostname={machine.name}"]
        argv += ["--register=no", "--keep-unit", "--boot", f"--network-bridge={net.bridge}"]
        argv += ["--resolv-conf=off", "--timezone=off", "--link-journal=no"]
        settings = {
            "argv": argv,
            "cgroups": [str(group) for group in groups],
            "address": machine.address,
            "gateway": net.gateway,
            "folder": str(folder),
        }
        (folder / "keeper.json").write_text(json.dumps(settings))
        keeping = [sys.executable, "-I", keeper.__file__, str(folder / "keeper.json")]
        detached(keeping, folder / "keeper.id", folder / "keeper.log")
        until(lambda: self._leader(machine) is not None or not with_argument(keeping[-1]), BOOT_S)
        if self._leader(machine) is None:
            self.kill(machine)
            raise Failed(
                "kitchen-boot-failed",
                f"machine {machine.name} did not boot",
                expected=f"its first process with a network interface within {BOOT_S:g} s",
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
        before = self._boot_state(machine)
        os.kill(leader, REBOOT)
        again = until(
            lambda: self._boot_state(machine).get("boot", 0) > before["boot"], STOP_S, 0.02
        )
        if not again:
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
        self._quench(machine.folder, self._groups(machine))
        (machine.folder / "boot.json").unlink(missing_ok=True)

    def _quench(self, folder: Path, groups: Sequence[Path]) -> None:
        cgroups.cut(groups)
        config = str(folder / "keeper.json")
        # The keeper ends by itself when nspawn does.  One that has not started nspawn yet is in
        # none of the machine's groups, and is known by its argument only.
        if not until(lambda: not with_argument(config), 1.0):
            for pid in with_argument(config):
                send(pid, signal.SIGKILL)
            until(lambda: not with_argument(config), 5.0)
            cgroups.cut(groups)

    def snapshot(self, machine: Machine, name: str) -> None:
        unmount(machine.root)
        states.mend(machine.folder)
        states.keep(machine.folder, name)

    def restore(self, machine: Machine, name: str) -> None:
        unmount(machine.root)
        states.mend(machine.folder)
        states.go_back(machine.folder, name)

    @property
    def layers(self) -> LayerCache | None:
        return self._cache

    def stand_on(self, machine: Machine, key: str) -> None:
        self.kill(machine)
        unmount(machine.root)
        self._cache.stand_on(machine.folder, key, machine.image)
        self.start(machine)

    def keep_layer(self, machine: Machine, key: str) -> None:
        self.stop(machine)
        unmount(machine.root)
        self._cache.keep(machine.folder, key, machine.image)
        self.start(machine)

    def snapshots(self, machine: Machine) -> list[str]:
        return states.names(machine.folder)

    def destroy(self, machine: Machine) -> None:
        self.kill(machine)
        cgroups.remove(self._groups(machine))
        unmount(machine.root)
        for tree in (machine.folder / "upper", *states.trees(machine.folder)):
            packages.take_back(self.store, machine.release, tree)
        self._forget(machine.name)
        self.store.empty_folder(machine.name)
        with self.store.lock("network"):
            self.store.remove_folder(machine.name)
        self.sweep()

    def sweep(self) -> None:
        with self.store.lock(PROBED):
            self._remove_probe()
        with self.store.lock("network"):
            # Somebody may have removed a record or a folder by hand while the machine ran.
            recorded = {record.spec.name for record in self.store.records()}
            named = cgroups.names(self.store.tag) - {PROBED} | set(self.store.names())
            for name in named - recorded:
                groups = cgroups.groups(self.store.tag, name)
                self._quench(self.store.folder(name), groups)
                cgroups.remove(groups)
                unmount(self.store.folder(name) / "root")
                self._forget(name)
            self.store.remove_debris()
            network.remove(self.store.tag, {r.machine.address for r in self.store.records()})

    def running(self, machine: Machine) -> bool:
        return bool(cgroups.members(self._groups(machine)))

    def exec(
        self, machine: Machine, argv: Sequence[str], stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        with subprocess.Popen(
            [*self._enter(machine), *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as entered:
            out, err = _communicated(entered, stdin)
        return subprocess.CompletedProcess(entered.args, entered.returncode, out, err)

    def shell(self, machine: Machine, argv: Sequence[str] = ("/bin/bash", "-l")) -> int:
        term = f"TERM={self.environ.get('TERM', 'dumb')}"
        return subprocess.call([*self._enter(machine, term), *argv])

    def console(self, machine: Machine, lines: int = 100) -> str:
        try:
            text = (machine.folder / "console.log").read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _enter(self, machine: Machine, *environment: str) -> list[str]:
        leader = self._leader(machine)
        if leader is None:
            raise Failed(
                "kitchen-not-running",
                f"machine {machine.name} is not running",
                hint=f"toque kitchen create {machine.name}",
            )
        spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]
        target = ["nsenter", f"--target={leader}", *spaces]
        return [*target, "--", "env", "-i", *ENVIRONMENT, *environment]

    def _groups(self, machine: Machine) -> list[Path]:
        return cgroups.groups(self.store.tag, machine.name)

    def _unique(self, name: str) -> str:
        """nspawn's own name for it: two kitchens may both have a machine of one name."""
        return f"{name}-{self.store.tag}"

    def _forget(self, name: str) -> None:
        """Remove what nspawn leaves in /run of a machine that was killed."""
        for place in ("propagate", "unix-export"):
            folder = f"/run/systemd/nspawn/{place}/{self._unique(name)}"
            shutil.rmtree(folder, ignore_errors=True)

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


def _communicated(entered: subprocess.Popen[bytes], stdin: bytes) -> tuple[bytes, bytes]:
    """What ``nsenter`` printed until it ended.

    It stops itself when the program in the machine is stopped, and systemd stops all programs of a
    machine that goes down before it kills them: nobody else would wake it.
    """
    told: bytes | None = stdin
    try:
        while True:
            try:
                return entered.communicate(told, timeout=STOPPED_LOOK_S)
            except subprocess.TimeoutExpired:
                told = None  # communicate keeps what it has not written yet
                if stopped(entered.pid):
                    send(entered.pid, signal.SIGCONT)
    except BaseException:
        entered.kill()
        raise
