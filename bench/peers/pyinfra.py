"""pyinfra: one deploy file over the steps."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parts.machine import Command
from parts.scene import Scene

DEPLOY = """\
import json
from pathlib import Path

from pyinfra.operations import apt, files, server, systemd

steps = json.loads(Path("steps.json").read_text())
texts = json.loads(Path("texts.json").read_text())
reloads = json.loads(Path("reloads.json").read_text())
changes = []
for kind, f in steps:
    if kind == "package":
        apt.packages(packages=f["names"], no_recommends=True)
    elif kind == "group":
        server.group(group=f["name"])
    elif kind == "user":
        server.user(
            user=f["name"], group=f["group"], home=f["home"], shell=f["shell"],
            create_home=False, ensure_home=False,
        )
    elif kind == "directory":
        files.directory(
            path=f["path"], user=f["owner"], group=f["group"], mode=format(f["mode"], "o")
        )
    elif kind == "file":
        done = files.put(
            src=texts[f["path"]], dest=f["path"],
            user=f["owner"], group=f["group"], mode=format(f["mode"], "o"),
        )
        if f["path"] in reloads:
            changes.append(done)
    elif kind == "link":
        done = files.link(path=f["path"], target=f["target"])
        if f["path"] in reloads:
            changes.append(done)
    elif kind == "service":
        systemd.service(service=f["name"], running=True, enabled=True)
if changes:
    systemd.service(
        service="nginx", reloaded=True, _if=lambda: any(one.did_change() for one in changes)
    )
"""


@dataclass(frozen=True)
class Pyinfra:
    programs: Path
    name: str = "pyinfra"

    def write(self, scene: Scene) -> None:
        folder = scene.folder
        hosts = [
            (
                bench.address,
                {
                    "ssh_user": "root",
                    "ssh_key": str(bench.key),
                    "ssh_known_hosts_file": str(bench.known_hosts),
                    "ssh_config_file": "/dev/null",
                },
            )
            for bench in scene.benches
        ]
        (folder / "inventory.py").write_text(f"hosts = {hosts!r}\n")
        (folder / "deploy.py").write_text(DEPLOY)
        (folder / "steps.json").write_bytes(scene.plain())
        texts = scene.contents(folder / "files")
        (folder / "texts.json").write_text(json.dumps({k: str(v) for k, v in texts.items()}))
        (folder / "reloads.json").write_text(json.dumps(sorted(scene.reloads)))

    def commands(self, scene: Scene) -> Sequence[Command]:
        argv = [str(self.programs / "pyinfra"), "-y", "inventory.py", "deploy.py"]
        env = {"PATH": f"{self.programs}:/usr/bin:/bin", "HOME": str(scene.folder)}
        return [Command(argv, cwd=scene.folder, env=env)]

    def changed(self, output: str) -> int:
        return len(re.findall(r"(?m)^\s*\[\S+\]\s+Success", output))
