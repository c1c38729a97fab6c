"""ansible-core: one play; pipelining, eight forks, a connection kept during a run."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.machine import Command
from parts.scene import Scene

SETTINGS = """\
[defaults]
inventory = hosts.ini
forks = 8
gathering = explicit
interpreter_python = /usr/bin/python3
local_tmp = {folder}/tmp
[ssh_connection]
pipelining = True
control_path_dir = {folder}/cp
ssh_args = -F /dev/null -o ControlMaster=auto -o ControlPersist=60s
"""


@dataclass(frozen=True)
class Ansible:
    programs: Path
    name: str = "ansible"

    def write(self, scene: Scene) -> None:
        folder = scene.folder
        (folder / "ansible.cfg").write_text(SETTINGS.format(folder=folder))
        (folder / "hosts.ini").write_text(
            "".join(
                f"{b.name} ansible_host={b.address} ansible_user=root "
                f"ansible_ssh_private_key_file={b.key} "
                f"ansible_ssh_common_args='-o UserKnownHostsFile={b.known_hosts}'\n"
                for b in scene.benches
            )
        )
        play = {"hosts": "all", "tasks": list(tasks(scene)), "handlers": [RELOAD]}
        (folder / "play.yml").write_text(json.dumps([play], indent=1))

    def commands(self, scene: Scene) -> Sequence[Command]:
        shutil.rmtree(scene.folder / "cp", ignore_errors=True)  # a kept connection is not cold
        argv = [self.programs / "ansible-playbook", "play.yml"]
        env = {"PATH": f"{self.programs}:/usr/bin:/bin", "HOME": str(scene.folder)}
        return [Command([str(word) for word in argv], cwd=scene.folder, env=env)]

    def changed(self, output: str) -> int:
        return sum(int(number) for number in re.findall(r"\bchanged=(\d+)", output))


RELOAD = {"name": "reload nginx", "systemd_service": {"name": "nginx", "state": "reloaded"}}


def tasks(scene: Scene) -> Iterable[Mapping[str, Any]]:
    """A task for each kind, looping over its items; packages are one transaction."""
    if scene.packages:
        yield {"apt": {"name": scene.packages, "install_recommends": False}}
    yield each("group", [{"name": f["name"]} for f in scene.fields("group")])
    keys = ("name", "group", "home", "shell")
    people = [{k: f[k] for k in keys} | {"create_home": False} for f in scene.fields("user")]
    yield each("user", people)
    owners = ("owner", "group")
    folders = [
        {"path": f["path"], "state": "directory", "mode": f"{f['mode']:04o}"}
        | {k: f[k] for k in owners}
        for f in scene.fields("directory")
    ]
    yield each("file", folders)
    texts = scene.contents(scene.folder / "files")
    files = [
        {"src": str(texts[f["path"]]), "dest": f["path"], "mode": f"{f['mode']:04o}"}
        | {k: f[k] for k in owners}
        for f in scene.fields("file")
    ]
    plain = [f for f in files if f["dest"] not in scene.reloads]
    yield each("copy", [f for f in files if f["dest"] in scene.reloads]) | notify()
    yield each("copy", plain)
    links = [{"src": f["target"], "path": f["path"], "state": "link"} for f in scene.fields("link")]
    yield each("file", [f for f in links if f["path"] in scene.reloads]) | notify()
    yield each("file", [f for f in links if f["path"] not in scene.reloads])
    services = [
        {"name": f["name"], "state": "started", "enabled": True} for f in scene.fields("service")
    ]
    yield each("systemd_service", services)


def notify() -> Mapping[str, Any]:
    return {"notify": "reload nginx"}


def each(module: str, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = list(items[0]) if items else ["name"]
    arguments = {name: f"{{{{ item.{name} }}}}" for name in names}
    return {module: arguments, "loop": list(items)}
