"""Machines where nothing may be mounted: a copied file tree, a changed root, supervisor as init.

Separate files, packages, keys and services, but this host's kernel, host name, processes and
network: no boundary for hostile code.  It listens on 127.0.0.1 only, on ports chosen free.

    folder/keys, root, console.log, init.json (the identity of supervisord)
    folder/snapshots/NAME   copies of root
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import Failed
from .. import boot_chroot, identity, images, packages, ports
from ..driver import Progress
from ..machine import ENVIRONMENT, Machine, Spec, Verdict
from ..process import alive, clear_out, detached, rooted_in, send, tool, until
from ..state import Record, Store, replace

STOP_S = 95.0
RESTORED = "restored"

# name, major, minor (Documentation/admin-guide/devices.txt)
DEVICES = (
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
)

SSHD = """\
# Written by toque's kitchen: this machine shares its host's network.
Port {port}
ListenAddress 127.0.0.1
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
"""

PROGRAM = """\
[program:ssh]
command=/usr/sbin/sshd -D -e
autorestart=true
startsecs=0
redirect_stderr=true
stdout_logfile=/var/log/supervisor/ssh.log
stdout_logfile_maxbytes=1MB
"""


@dataclass(frozen=True)
class Chroot:
    store: Store
    environ: Mapping[str, str]
    name: str = "chroot"

    def probe(self) -> Verdict:
        if os.geteuid() != 0:
            return Verdict(self.name, False, "needs root")
        for program, package in (("mmdebstrap", "mmdebstrap"), ("ssh-keygen", "openssh-client")):
            if shutil.which(program) is None:
                reason = f"{program} is not installed (apt-get install {package})"
                return Verdict(self.name, False, reason)
        done = subprocess.run(["chroot", "/", "/bin/true"], capture_output=True, text=True)
        if done.returncode != 0:
            return Verdict(self.name, False, done.stderr.strip() or "chroot failed")
        return Verdict(self.name, True, "this process may change its root directory")

    def create(self, spec: Spec, progress: Progress) -> Machine:
        recipe = images.recipe("supervisor", spec.release, spec.packages, self.environ)
        image = images.ensure(self.store, recipe, progress)
        machine = self._written_down(spec, image.name)
        tool(["cp", "-a", "--reflink=auto", str(image), str(machine.root)])
        packages.copy(self.store, spec.release, machine.root)
        self._devices(machine.root)
        identity.write(machine)
        etc = machine.root / "etc"
        replace(etc / "ssh/sshd_config", SSHD.format(port=machine.ssh_port), 0o644)
        replace(etc / "supervisor/conf.d/ssh.conf", PROGRAM, 0o644)
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
                root=folder / "root",
                ports=chosen,
                created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                image=image,
            )
            self.store.write(Record(spec, machine, ready=False))
        return machine

    def _devices(self, root: Path) -> None:
        """The nodes that programs expect; where mknod is not allowed the image's are kept."""
        folder = root / "dev"
        folder.mkdir(exist_ok=True)
        for name, major, minor in DEVICES:
            if not (folder / name).is_char_device():
                (folder / name).unlink(missing_ok=True)
                try:
                    os.mknod(folder / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
                    (folder / name).chmod(0o666)
                except PermissionError as error:
                    if name == "null":
                        raise Failed(
                            "kitchen-no-devices",
                            "this process may not make device nodes",
                            expected="CAP_MKNOD, for /dev/null inside the machine",
                            found=str(error),
                        ) from error
        (folder / "shm").mkdir(exist_ok=True)
        (folder / "shm").chmod(0o1777)

    def start(self, machine: Machine) -> None:
        if not self.running(machine):
            self._boot(machine)
        identity.wait_for_ssh(
            machine, lambda: self.console(machine), runs=lambda: self.running(machine)
        )

    def _boot(self, machine: Machine) -> None:
        self.kill(machine)
        self._mend(machine)
        script = Path(boot_chroot.__file__).read_bytes()
        done = self.exec(machine, ["/usr/bin/python3", "-I", "-"], script)
        if done.returncode != 0:
            raise Failed(
                "kitchen-boot-failed",
                f"machine {machine.name} did not boot",
                expected="its runtime directories to be made",
                hint=f"toque kitchen destroy {machine.name}",
                log=done.stderr.decode("utf-8", "replace").splitlines()[-10:],
            )
        init = ["/usr/bin/supervisord", "-n", "-c", "/etc/supervisor/supervisord.conf"]
        folder = machine.folder
        detached([*self._enter(machine), *init], folder / "init.json", folder / "console.log")

    def stop(self, machine: Machine) -> None:
        init = self._init(machine)
        if init and alive(init):
            os.kill(init[0], signal.SIGTERM)
            until(lambda: not alive(init), STOP_S, 0.02)
            # What did not belong to the init is asked, then told, as at the end of a shutdown.
            for pid in rooted_in(machine.root):
                send(pid, signal.SIGTERM)
            until(lambda: not rooted_in(machine.root), 5.0, 0.02)
        self.kill(machine)

    def reboot(self, machine: Machine) -> None:
        self.stop(machine)
        self.start(machine)

    def kill(self, machine: Machine) -> None:
        clear_out(machine.root)
        (machine.folder / "init.json").unlink(missing_ok=True)

    def snapshot(self, machine: Machine, name: str) -> None:
        _copied(machine.root, machine.folder / "snapshots" / name)

    def restore(self, machine: Machine, name: str) -> None:
        _copied(machine.folder / "snapshots" / name, machine.folder / RESTORED)
        self._mend(machine)

    def _mend(self, machine: Machine) -> None:
        """A restored tree that is whole takes the place of what is left of the old one."""
        restored = machine.folder / RESTORED
        if restored.is_dir():
            tool(["rm", "-rf", "--one-file-system", "--", str(machine.root)])
            restored.rename(machine.root)

    def snapshots(self, machine: Machine) -> list[str]:
        there = [p for p in (machine.folder / "snapshots").glob("*") if "_" not in p.name]
        return [p.name for p in sorted(there, key=lambda p: p.stat().st_ctime_ns)]

    def destroy(self, machine: Machine) -> None:
        self.kill(machine)
        packages.take_back(self.store, machine.release, machine.root)
        self.store.empty_folder(machine.name)
        with self.store.lock("network"):
            self.store.remove_folder(machine.name)

    def sweep(self) -> None:
        with self.store.lock("network"):
            self.store.remove_debris()

    def running(self, machine: Machine) -> bool:
        return alive(self._init(machine))

    def exec(
        self, machine: Machine, argv: Sequence[str], stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self._enter(machine), *argv], input=stdin, capture_output=True, check=False
        )

    def shell(self, machine: Machine, argv: Sequence[str] = ("/bin/bash", "-l")) -> int:
        term = f"TERM={self.environ.get('TERM', 'dumb')}"
        return subprocess.call([*self._enter(machine, term), *argv])

    def console(self, machine: Machine, lines: int = 100) -> str:
        try:
            text = (machine.folder / "console.log").read_text("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _enter(self, machine: Machine, *environment: str) -> list[str]:
        """``env`` outside, ``chroot`` last: the argument list after it is the machine's."""
        return ["env", "-i", *ENVIRONMENT, *environment, "chroot", str(machine.root)]

    def _init(self, machine: Machine) -> list[int] | None:
        try:
            found: list[int] = json.loads((machine.folder / "init.json").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return found


def _copied(tree: Path, place: Path) -> Path:
    """A copy of a tree, at ``place`` only when it is whole."""
    staged = place.with_name(f"partial_{place.name}")
    for left in (staged, place):
        tool(["rm", "-rf", "--one-file-system", "--", str(left)])
    place.parent.mkdir(exist_ok=True)
    tool(["cp", "-a", "--reflink=auto", str(tree), str(staged)])
    staged.rename(place)
    return place
