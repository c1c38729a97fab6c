"""cf-agent: its policy and files lie on the node already; one session starts the agent there."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from parts.machine import Command
from parts.scene import Scene

PLACE = "/root/bench"
LIBRARY = "/usr/share/cfengine3/masterfiles"
# What `cf-agent -f update.cf` does on an installed hub: the package module from its template.
MODULE = "/var/lib/cfengine3/modules/packages/apt_get"

HEAD = f"""\
body common control
{{
    bundlesequence => {{ "groups", "software", "bench" }};  # within one, files come first
    inputs => {{ "{LIBRARY}/lib/stdlib.cf" }};
}}

body package_module apt_get_here
{{
    query_installed_ifelapsed => "0";
    query_updates_ifelapsed => "1440";
    interpreter => "/usr/bin/python3";
    module_path => "{MODULE}";
}}

"""


@dataclass(frozen=True)
class Cfengine:
    name: str = "cfengine"

    def write(self, scene: Scene) -> None:
        texts = scene.contents(scene.folder / "files")
        bundle = io.BytesIO()
        with tarfile.open(fileobj=bundle, mode="w") as tar:
            for file in texts.values():
                tar.add(file, f"files/{file.name}")
            policy = "\n".join(lines(scene)).encode()
            entry = tarfile.TarInfo("policy.cf")
            entry.size, entry.mode = len(policy), 0o600
            tar.addfile(entry, io.BytesIO(policy))
        for bench in scene.benches:
            bench.inside("rm", "-rf", PLACE)
            bench.inside("mkdir", "-p", PLACE, MODULE.rpartition("/")[0])
            bench.inside("tar", "-xC", PLACE, stdin=bundle.getvalue())
            vendored = f"{LIBRARY}/modules/packages/vendored/apt_get.mustache"
            bench.inside("install", "-m", "700", vendored, MODULE)

    def commands(self, scene: Scene) -> Sequence[Command]:
        agent = f"cf-agent -KI -f {PLACE}/policy.cf"
        return [Command([*bench.ssh, agent]) for bench in scene.benches]

    def changed(self, output: str) -> int:
        return len(re.findall(r"(?m)^\s*info: ", output))


def lines(scene: Scene) -> Iterable[str]:
    """The policy."""
    texts = scene.contents(scene.folder / "files")
    yield HEAD
    yield "bundle agent groups\n{\n  commands:"
    for f in scene.fields("group"):
        yield f'    "/usr/sbin/groupadd {f["name"]}" if => not(groupexists("{f["name"]}"));'
    yield "}\n\nbundle agent software\n{\n  packages:"
    for name in scene.packages:
        yield f'    "{name}" policy => "present", package_module => apt_get_here;'
    yield "}\n\nbundle agent bench\n{\n  users:"
    for f in scene.fields("user"):
        yield (
            f'    "{f["name"]}" policy => "present", group_primary => "{f["group"]}", '
            f'home_dir => "{f["home"]}", shell => "{f["shell"]}";'
        )
    yield "  files:"
    for f in scene.fields("directory"):
        yield f'    "{f["path"]}/." create => "true", perms => {perms(f)};'
    for f in scene.fields("file"):
        yield (
            f'    "{f["path"]}" copy_from => local_dcp("{PLACE}/files/{texts[f["path"]].name}"), '
            f"perms => {perms(f)}{repaired(scene, f['path'])};"
        )
    for f in scene.fields("link"):
        yield (f'    "{f["path"]}" link_from => ln_s("{f["target"]}"){repaired(scene, f["path"])};')
    yield "  services:"
    for f in scene.fields("service"):
        yield f'    "{f["name"]}" service_policy => "start";'
    yield '  commands:\n    "/bin/systemctl reload nginx" if => "site_changed";\n}'


def perms(fields: object) -> str:
    mode = f"{fields['mode']:o}"  # type: ignore[index]
    return f'mog("{mode}", "{fields["owner"]}", "{fields["group"]}")'  # type: ignore[index]


def repaired(scene: Scene, path: str) -> str:
    return ', classes => if_repaired("site_changed")' if path in scene.reloads else ""
