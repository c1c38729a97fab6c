"""bundlewrap: a repository with one bundle, applied to all nodes at once."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parts.machine import Command
from parts.scene import Scene

SHARED = """\
ControlMaster auto
ControlPath {folder}/cp/%C
ControlPersist 60
"""


@dataclass(frozen=True)
class Bundlewrap:
    programs: Path
    name: str = "bundlewrap"

    def write(self, scene: Scene) -> None:
        folder = scene.folder
        bundle = folder / "bundles" / "bench"
        (bundle / "files").mkdir(parents=True, exist_ok=True)
        nodes = {
            bench.name: {"hostname": bench.address, "username": "root", "bundles": ["bench"]}
            for bench in scene.benches
        }
        (folder / "nodes.py").write_text(f"nodes = {nodes!r}\n")
        (folder / "groups.py").write_text("groups = {}\n")
        (folder / "requirements.txt").write_text("bundlewrap\n")
        (bundle / "items.py").write_text(items(scene, bundle / "files"))
        # Keys, and one connection for all sessions of a run, are for ssh's own settings to tell.
        hosts = SHARED.format(folder=folder) + "".join(
            f"Host {b.address}\n  IdentityFile {b.key}\n  UserKnownHostsFile {b.known_hosts}\n"
            for b in scene.benches
        )
        (folder / "ssh_config").write_text(hosts)
        for bench in scene.benches:
            bench.inside("rm", "-rf", "/var/lib/bundlewrap")  # the lock of a run that we ended

    def commands(self, scene: Scene) -> Sequence[Command]:
        shutil.rmtree(scene.folder / "cp", ignore_errors=True)  # a kept connection is not cold
        (scene.folder / "cp").mkdir()
        argv = [str(self.programs / "bw"), "apply", "-p", "8", *(b.name for b in scene.benches)]
        env = {
            "BW_SSH_ARGS": f"-F {scene.folder}/ssh_config",
            "BW_SCP_ARGS": f"-F {scene.folder}/ssh_config",
            "HOME": str(scene.folder),
            "PATH": f"{self.programs}:{os.environ['PATH']}",
        }
        return [Command(argv, cwd=scene.folder, env=env)]

    def changed(self, output: str) -> int:
        return sum(int(n) for n in re.findall(r"\(\d+ OK, (\d+) fixed", output))


def items(scene: Scene, files: Path) -> str:
    """The bundle's items.py."""
    texts = scene.contents(files)
    triggers = {"triggers": ["action:reload_nginx"]}
    after = {"needs": ["pkg_apt:"]} if scene.packages else {}
    found: dict[str, dict[str, dict[str, object]]] = {
        "pkg_apt": {name: {} for name in scene.packages},
        "groups": {f["name"]: {} for f in scene.fields("group")},
        "users": {
            f["name"]: {"home": f["home"], "shell": f["shell"], "gid": f["group"]}
            for f in scene.fields("user")
        },
        "directories": {f["path"]: owned(f) for f in scene.fields("directory")},
        "files": {
            f["path"]: owned(f)
            | {"source": texts[f["path"]].name, "content_type": "text", **after}
            | (triggers if f["path"] in scene.reloads else {})
            for f in scene.fields("file")
        },
        "symlinks": {
            f["path"]: {"target": f["target"], **after}
            | (triggers if f["path"] in scene.reloads else {})
            for f in scene.fields("link")
        },
        "svc_systemd": {f["name"]: {"enabled": True, **after} for f in scene.fields("service")},
        "actions": {
            "reload_nginx": {
                "command": "systemctl reload nginx",
                "triggered": True,
                "needs": ["svc_systemd:nginx"],
            }
        },
    }
    if not scene.reloads:
        del found["actions"]
    return "".join(f"{kind} = {value!r}\n" for kind, value in found.items() if value)


def owned(fields: object) -> dict[str, object]:
    return {
        "owner": fields["owner"],  # type: ignore[index]
        "group": fields["group"],  # type: ignore[index]
        "mode": f"{fields['mode']:04o}",  # type: ignore[index]
    }
