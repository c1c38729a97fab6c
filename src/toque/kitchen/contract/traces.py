"""Everything on this host that belongs to one kitchen."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from ..process import rooted_in
from ..state import Store

PLACES = ("/sys/fs/cgroup", "/sys/class/net", "/run")


def traces(store: Store) -> list[str]:
    """Files, mounts, control groups, links, rules, routes and processes; none is as it should be.

    What a kitchen makes on its host has the path of its folder or its tag in its name.
    """
    tag, state = store.tag, str(store.state)
    found = [str(path) for path in store.state.rglob("*")]
    for place in PLACES:
        for folder, names, files in os.walk(place):
            found += [f"{folder}/{name}" for name in (*names, *files) if tag in name]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [line for line in mounts if state in line or tag in line]
    found += [f"process {pid} inside" for pid in rooted_in(store.state)]
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_text(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if (state in words or tag in words) and entry.name != str(os.getpid()):
            found.append(f"process {entry.name}: {words}")
    for argv in (["nft", "list", "tables"], ["ip", "route"]):
        if shutil.which(argv[0]):
            shown = subprocess.run(argv, capture_output=True, text=True).stdout
            found += [line for line in shown.splitlines() if tag in line]
    return found
