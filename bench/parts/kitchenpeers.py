"""Other tools on the inner loop: one template of a small web server's set-up has changed.

Each describes about what the example's cookbook sets up on a machine, without its database roles,
its app and its checks: packages, a user, directories, a site, services.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from peers import venv

from toque.kitchen.machine import Machine

PACKAGES = ("postgresql-15", "nginx-light", "uwsgi-core", "uwsgi-plugin-python3", "git")
FOLDERS = ("/srv/peer", "/srv/peer/releases", "/srv/peer/shared", "/etc/peer")
SERVICES = ("nginx", "postgresql")
SITE = "/etc/nginx/conf.d/peer.conf"
TEXT = "# {{ word }}\n"

ANSIBLE = """\
[defaults]
inventory = hosts.ini
gathering = explicit
interpreter_python = /usr/bin/python3
local_tmp = {folder}/tmp
[ssh_connection]
pipelining = True
control_path_dir = {folder}/cp
ssh_args = -F /dev/null -o ControlMaster=auto -o ControlPersist=60s
"""
PYINFRA = f"""\
from pyinfra.operations import apt, files, server, systemd

apt.packages(packages={list(PACKAGES)!r}, no_recommends=True)
server.user(user="peer", shell="/usr/sbin/nologin", create_home=False, ensure_home=False)
for path in {list(FOLDERS)!r}:
    files.directory(path=path, user="peer")
site = files.template(src="site.j2", dest={SITE!r}, word="peer")
for name in {list(SERVICES)!r}:
    systemd.service(service=name, running=True, enabled=True)
systemd.service(service="nginx", reloaded=True, _if=site.did_change)
"""


class Peer(Protocol):
    """One tool; ``command`` is run in ``folder``."""

    name: str
    folder: Path
    command: Sequence[str]
    environ: Mapping[str, str]

    def write(self, folder: Path, machine: Machine) -> None:
        """Put what describes the machine below ``folder``.  Not part of what is timed."""
        ...

    def change(self, folder: Path, number: int) -> None:
        """Change the one line."""
        ...


@dataclass
class Tool:
    """What the two have in common."""

    name: str
    programs: Path
    folder: Path = Path()
    command: Sequence[str] = ()
    environ: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path, machine: Machine) -> None:
        self.folder = folder / self.name
        self.folder.mkdir()
        self.environ = {"PATH": f"{self.programs}:/usr/bin:/bin", "HOME": str(self.folder)}
        known = self.folder / "known_hosts"
        known.write_text(f"{machine.address} {machine.host_key}\n")
        (self.folder / "site.j2").write_text(TEXT)
        self.describe(machine, known)

    def change(self, folder: Path, number: int) -> None:
        (self.folder / "site.j2").write_text(f"{TEXT}# round {number}\n")

    def describe(self, machine: Machine, known: Path) -> None:
        raise NotImplementedError


class Ansible(Tool):
    def describe(self, machine: Machine, known: Path) -> None:
        (self.folder / "ansible.cfg").write_text(ANSIBLE.format(folder=self.folder))
        (self.folder / "hosts.ini").write_text(
            f"web ansible_host={machine.address} ansible_user=root "
            f"ansible_ssh_private_key_file={machine.key} "
            f"ansible_ssh_common_args='-o UserKnownHostsFile={known}'\n"
        )
        site = {"template": {"src": "site.j2", "dest": SITE}, "notify": "reload"}
        tasks: list[dict[str, Any]] = [
            {"apt": {"name": list(PACKAGES), "install_recommends": False}},
            {"user": {"name": "peer", "shell": "/usr/sbin/nologin", "create_home": False}},
            {"file": {"path": "{{ item }}", "state": "directory", "owner": "peer"},
             "loop": list(FOLDERS)},
            site,
            {"systemd_service": {"name": "{{ item }}", "state": "started", "enabled": True},
             "loop": list(SERVICES)},
        ]  # fmt: skip
        reload = {"name": "reload", "systemd_service": {"name": "nginx", "state": "reloaded"}}
        play = {"hosts": "all", "vars": {"word": "peer"}, "tasks": tasks, "handlers": [reload]}
        (self.folder / "play.yml").write_text(json.dumps([play], indent=1))
        self.command = [str(self.programs / "ansible-playbook"), "play.yml"]


class Pyinfra(Tool):
    def describe(self, machine: Machine, known: Path) -> None:
        settings = {
            "ssh_user": "root", "ssh_key": str(machine.key), "ssh_known_hosts_file": str(known),
            "ssh_config_file": "/dev/null",
        }  # fmt: skip
        (self.folder / "inventory.py").write_text(f"hosts = {[(machine.address, settings)]!r}\n")
        (self.folder / "deploy.py").write_text(PYINFRA)
        self.command = [str(self.programs / "pyinfra"), "-y", "inventory.py", "deploy.py"]


def peers() -> tuple[Peer, ...]:
    programs = venv.ready()
    return Pyinfra("pyinfra", programs), Ansible("ansible", programs)
