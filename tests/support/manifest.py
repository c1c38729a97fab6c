"""Every path of a machine with its owner, group, mode and kind, and who could change it (PR-6).

``LISTING`` runs on the machine; ``entries`` reads what it prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from posixpath import dirname, join, normpath

LISTING = (
    "find", "/", "(", "-path", "/proc", "-o", "-path", "/sys", "-o", "-path", "/dev", ")",
    "-prune", "-o", "-printf", r"%y %u %g %m %p\0%l\0",
)  # fmt: skip
KINDS = {"f": "file", "d": "directory", "l": "link", "s": "socket", "p": "pipe"}

# What differs from run to run, and what it is called instead.
NAMES = (
    (re.compile(r"\b[0-9a-f]{12}-[0-9a-f]{6}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{32,64}\b"), "HASH"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "KEY"),
    (re.compile(r"\b\d{8}T\d{6}\.\d{3}-[0-9a-f]{6}\b"), "RUN"),
)
# Trees in which what there is comes from elsewhere: all below is one line for each way it is.
TREES = re.compile(
    r"(/srv/www/[^/]+/(?:releases/ID|venvs/KEY|repo\.git)|/var/lib/toque/(?:rt/HASH|blobs))/"
    r"(?!\.toque(?:-complete|/[^/]+)?\Z).*"
)
# Written by programs that are not ours, whatever we ask of them.
FOREIGN = re.compile(
    r"/tmp/.*|/var/(?:tmp|log|lib/(?:postgresql|systemd|nginx))(?:/.*)?|/root/trace"
    r"|/var/cache/toque/uv/[^/]+/.*|/run(?!/(?:toque|thena)).*|/etc/(?:passwd|group|g?shadow)-?"
)


@dataclass(frozen=True)
class Entry:
    kind: str
    owner: str
    group: str
    mode: int
    target: str = ""

    @property
    def only_root_writes(self) -> bool:
        if self.kind == "link":
            return self.owner == "root"
        return self.owner == "root" and not self.mode & (0o022 if self.group != "root" else 0o002)


Entries = Mapping[str, Entry]


def entries(listing: str) -> dict[str, Entry]:
    """By path, of what ``LISTING`` printed."""
    found = {}
    words = listing.split("\0")
    for line, target in zip(words[::2], words[1::2]):
        kind, owner, group, mode, path = line.split(" ", 4)
        found[path] = Entry(KINDS.get(kind, kind), owner, group, int(mode, 8), target)
    return found


def manifest(before: Entries, after: Entries) -> list[str]:
    """What is new or is another than before, one line each, without what no two runs share."""
    lines = set()
    for path, entry in after.items():
        if before.get(path) == entry:
            continue
        if FOREIGN.fullmatch(path):
            continue
        name = path
        for pattern, word in NAMES:
            name = pattern.sub(word, name)
        name = TREES.sub(r"\1/**", name)
        mode = "    " if entry.kind == "link" else f"{entry.mode:04o}"
        lines.add(f"{name} {entry.kind} {entry.owner}:{entry.group} {mode}".rstrip())
    return sorted(lines)


def changeable(paths: Iterable[str], tree: Entries) -> Iterator[str]:
    """Paths that somebody else than root can change: themselves, what is above, where links go."""
    todo, done = list(paths), set()
    while todo:
        path = todo.pop()
        if path in done or path not in tree:
            continue
        done.add(path)
        entry = tree[path]
        if not entry.only_root_writes and not sticky(path, tree):
            yield f"{path}: {entry.kind} {entry.owner}:{entry.group} {entry.mode:04o}"
        if path != "/":
            todo.append(dirname(path))
        if entry.kind == "link":
            todo.append(normpath(join(dirname(path), entry.target)))


def sticky(path: str, tree: Entries) -> bool:
    """A directory of root's in which nobody can rename what is not his own, such as /tmp."""
    entry = tree[path]
    return entry.kind == "directory" and entry.owner == "root" and bool(entry.mode & 0o1000)
