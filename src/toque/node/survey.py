"""What a machine does already: sites of nginx, who listens where, databases.  It changes nothing.

``toque up`` tells it before the first converge: a machine that somebody uses is not taken over
without being asked.
"""

import os
from typing import Any, Dict, List, Set

OURS = b"Written by Toque"  # in the head of every file that our cookbooks write
LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp
SITES = "etc/nginx/sites-enabled"
CLUSTERS = "etc/postgresql"


def look(root: str = "/") -> Dict[str, Any]:
    """``sites`` that are not ours, ``clusters`` of PostgreSQL that we did not set up, and the
    programs that listen by their TCP port."""
    return {
        "sites": foreign_sites(root),
        "clusters": _clusters(os.path.join(root, CLUSTERS)),
        "listening": _listening(os.path.join(root, "proc")),
    }


def foreign_sites(root: str = "/") -> List[str]:
    """nginx's sites that are not ours.

    Debian's own ``default`` is nobody's site, unless it is a file instead of the link.
    """
    folder = os.path.join(root, SITES)
    found = []
    for name in _names(folder):
        path = os.path.join(folder, name)
        debians = name == "default" and os.path.islink(path)
        if not debians and not _ours(path):
            found.append(name)
    return found


def _clusters(folder: str) -> List[str]:
    return [
        f"{version}/{name}"
        for version in _names(folder)
        for name in _names(os.path.join(folder, version))
        if not _ours(os.path.join(folder, version, name, "conf.d/toque.conf"))
    ]


def _listening(proc: str) -> Dict[str, str]:
    """The program by its port; empty where /proc does not say whose socket it is."""
    inodes: Dict[str, str] = {}
    for table in ("net/tcp", "net/tcp6"):
        try:
            with open(os.path.join(proc, table), encoding="ascii") as file:
                lines = file.read().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if len(words) > 9 and words[3] == LISTENING:
                inodes[words[9]] = str(int(words[1].rpartition(":")[2], 16))
    programs = _programs(proc, set(inodes))
    return {port: programs.get(inode, "") for inode, port in inodes.items()}


def _programs(proc: str, inodes: Set[str]) -> Dict[str, str]:
    found: Dict[str, str] = {}
    for pid in (name for name in _names(proc) if name.isdigit()):
        try:
            for fd in os.listdir(os.path.join(proc, pid, "fd")):
                target = os.readlink(os.path.join(proc, pid, "fd", fd))
                inode = target[8:-1] if target.startswith("socket:[") else ""
                if inode in inodes:
                    with open(os.path.join(proc, pid, "comm"), encoding="utf-8") as file:
                        found[inode] = file.read().strip()
        except OSError:
            continue  # it has ended meanwhile
    return found


def _ours(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return OURS in file.read(400)
    except OSError:
        return False


def _names(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
