"""git"""

from __future__ import annotations

import re

from ..declared import Declared
from ..layout import Doc, Made, call, quoted


def carry(d: Declared) -> list[Made]:
    d.imports.add("Git")
    d.action("sync")
    path = d.path("destination")
    url = d.text("repository") or d.text("repo")
    if url is None:
        raise d.no("a repository without an address")
    if not str(url.value).startswith(("https://", "ssh://")):
        raise d.no(f"the address {url.value}: https or ssh, with key_path and known_hosts for ssh")
    if str(url.value).startswith("ssh://"):
        raise d.no("ssh needs key_path and known_hosts, files on the node")
    user = d.text("user")
    more: dict[str, Doc] = {"user": user.text if user is not None else '"root"'}
    revision = d.text("revision") or d.text("reference") or d.text("branch")
    name = "HEAD" if revision is None else str(revision.value)
    if revision is not None and not revision.fixed:
        raise d.no("a revision that is computed")
    if not re.fullmatch(r"[0-9a-f]{40}", name):
        if name not in ("master", "main") and not name.startswith("refs/"):
            raise d.no(
                f"the revision {name}: refs/heads/{name} for a branch, refs/tags/{name} "
                "for a tag, or a commit"
            )
        if not name.startswith("refs/"):
            d.note(f"{name} is taken for a branch")
            name = f"refs/heads/{name}"
    depth = d.value("depth")
    if depth is not None:
        more["depth"] = depth.text
    if d.truth("enable_submodules"):
        more["submodules"] = "True"
    return [call("Git", path.text, url.text, quoted(name), **more)]
