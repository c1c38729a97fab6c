"""Everything on this host that belongs to one kitchen: what has to be gone with its machines."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from toque.kitchen.api import Kitchen
from toque.kitchen.process import rooted_in


def traces(kitchen: Kitchen, *folders: Path) -> list[str]:
    """Files, control groups, interfaces, mounts, routes, firewall tables, processes; a line each.

    Processes are the kitchen's, and those that have a path in one of ``folders`` as an argument.
    """
    tag, state = kitchen.store.tag, str(kitchen.store.state)
    found = [str(p) for p in kitchen.store.state.rglob("*")]
    # Groups of other kitchens come and go meanwhile; os.walk does not mind.
    groups = (Path(top, name) for top, names, _ in os.walk("/sys/fs/cgroup") for name in names)
    found += [str(path) for path in groups if tag in path.name]
    found += [str(p) for p in Path("/run/systemd/nspawn").glob(f"*/*{tag}*")]
    found += [str(p) for p in Path("/sys/class/net").glob(f"*{tag}*")]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [line for line in mounts if state in line]
    found += [str(pid) for pid in rooted_in(Path(state))]
    found += processes(state, *map(str, folders))
    for argv in (["nft", "list", "tables"], ["ip", "route"]):
        if shutil.which(argv[0]):
            shown = subprocess.run(argv, capture_output=True, text=True).stdout
            found += [line for line in shown.splitlines() if tag in line]
    return found


def processes(*words: str) -> list[str]:
    """The processes, but for this one, that have one of the words in their arguments."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_text()
        except OSError:
            continue
        if any(word in line for word in words) and entry.name != str(os.getpid()):
            found.append(f"process {entry.name}: {line}")
    return found
