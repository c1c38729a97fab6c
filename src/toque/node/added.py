"""What Toque has added to this machine, so that it can be given back as it was found.

    STATE/added.json         every thing that a step made, and what it found in the way
    STATE/originals/NUMBER   root, 0600: what stood in a file before the first change of ours

A thing is on record before it is made: a kill between the two leaves a name too much, which is
harmless, never one too few.  Of a directory that is Toque's with all below only that one is.
What a package brings along (others that it needs, users of its own) is known only afterwards;
until then the state before is kept, and the next run compares.
"""

import hashlib
import json
from typing import AbstractSet, Any, Dict, FrozenSet, List, Mapping, Optional

from .accounts import accounts, teams
from .contents import text_at
from .dpkg import database, owners
from .record import dataclass, field, replace
from .resource import EXISTS, Resource
from .system import System

ADDED = "/var/lib/toque/added.json"
ORIGINALS = "/var/lib/toque/originals"
BRINGS = ("package", "user", "group")  # kinds whose steps add packages, users and groups
# What a step changes in place: neither a file of ours nor a thing that goes with one.
SETTINGS = ("firewall", "hostname", "locale", "mount", "swap_file", "sysctl", "timezone")
DATABASES = ("postgres_database", "postgres_role")
TREES = ("/etc/toque", "/usr/local/lib/toque", "/var/lib/toque")  # Toque's, with all below
SHELVES = ("/etc", "/var", "/var/lib", "/var/log")  # where packages have a directory each
APPS = "/srv/www"  # each directory in it is an app's


@dataclass(frozen=True)
class Original:
    """What was at a path: ``kept`` names the copy of a file, ``target`` is that of a link.

    ``left`` is the SHA-256 of what Toque wrote there last, empty for what is no file.
    """

    kind: str
    owner: str
    group: str
    mode: int
    kept: str = ""
    target: str = ""
    left: str = ""


@dataclass(frozen=True)
class Added:
    """``paths`` are files, links and directories that were not there, ``trees`` those of them that
    go with all below, ``originals`` what was there and looks different now.  ``folders`` are
    directories that packages have made in SHELVES, with the time (seconds since 1970) at which
    that was done.  ``before`` is what there was when a step began that has not been seen to end.
    ``left`` are steps that changed something else, which nobody puts back."""

    paths: FrozenSet[str] = frozenset()
    trees: FrozenSet[str] = frozenset()
    originals: Mapping[str, Original] = field(default_factory=dict)
    packages: FrozenSet[str] = frozenset()
    folders: Mapping[str, float] = field(default_factory=dict)
    users: FrozenSet[str] = frozenset()
    groups: FrozenSet[str] = frozenset()
    databases: FrozenSet[str] = frozenset()  # "NAME" or "NAME@PORT"
    roles: FrozenSet[str] = frozenset()
    left: FrozenSet[str] = frozenset()
    before: Optional[Mapping[str, List[str]]] = None


def read_added(system: System) -> Optional[Added]:
    """The record; None on a machine that was set up without one, or never."""
    text = text_at(system, ADDED)
    if text is None:
        return None
    told = json.loads(text)
    sets = ("paths", "trees", "packages", "users", "groups", "databases", "roles", "left")
    return Added(
        originals={path: Original(**one) for path, one in told["originals"].items()},
        folders=told["folders"],
        before=told["before"],
        **{name: frozenset(told[name]) for name in sets},
    )


def write_added(system: System, added: Added) -> None:
    told = {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in vars(added).items()
    }
    told["originals"] = {path: vars(one) for path, one in sorted(added.originals.items())}
    text = json.dumps(told, indent=1, sort_keys=True) + "\n"
    system.write(ADDED, text.encode(), owner="root", group="root", mode=0o600)


class Additions:
    """Puts on record what the steps of one run add."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.added = read_added(system) or Added()
        if self.added.before is not None:  # of a run that was killed
            self._save(settled(self.added, things(system), system.now()))
        self.begun = False  # whether a step has been made in this run

    def before(self, resource: Resource, keys: FrozenSet[str]) -> None:
        """A step is about to be made."""
        added = self._with_paths(resource, self.added if self.begun else self._still_there())
        self.begun = True
        if resource.kind in BRINGS:
            added = replace(added, before=things(self.system))
        elif resource.kind in DATABASES:
            if EXISTS in keys and resource.wanted() is not None:
                if resource.kind == "postgres_database":
                    added = replace(added, databases=added.databases | {resource.key})
                else:
                    added = replace(added, roles=added.roles | {resource.key})
        elif resource.kind in SETTINGS:
            added = replace(added, left=added.left | {resource.id})
        self._save(added)

    def after(self, resource: Resource) -> None:
        """It was made, or failed half-way."""
        added = self.added
        if added.before is not None:
            added = settled(added, things(self.system), self.system.now())
        originals = dict(added.originals)
        for path in {claim.path for claim in resource.claims()} & set(originals):
            originals[path] = replace(originals[path], left=digest_at(self.system, path))
        self._save(replace(added, originals=originals))

    def _still_there(self) -> Added:
        """Without what somebody has removed: what is made there later is no longer ours."""
        paths = frozenset(p for p in self.added.paths if self.system.stat(p) is not None)
        return replace(self.added, paths=paths, trees=self.added.trees & paths)

    def _with_paths(self, resource: Resource, added: Added) -> Added:
        """``added`` with what ``resource`` is about to make or to change."""
        originals, paths, trees = dict(added.originals), set(added.paths), set(added.trees)
        for claim in resource.claims():
            if claim.path in originals or within(claim.path, trees):
                continue
            whole = tree_of(claim.path)
            last = whole if whole and self.system.stat(whole) is None else claim.path
            for path in (*reversed(above(last)), last):
                if self.system.stat(path) is None:
                    paths.add(path)
            if last in paths and (last == whole or claim.below):
                trees.add(last)
            if claim.path not in paths and not self._goes_with_a_package(claim.path):
                original = self._original(claim.path, len(originals) + 1)
                if original is not None:
                    originals[claim.path] = original
        return replace(added, paths=frozenset(paths), trees=frozenset(trees), originals=originals)

    def _goes_with_a_package(self, path: str) -> bool:
        """Whether a package of ours has brought it, or made it in a directory of its own."""
        if not self.added.packages:
            return False
        for one in (path, path.rpartition("/")[0]):
            found = owners(self.system, one)
            if found:
                return found <= self.added.packages
        return False

    def _original(self, path: str, number: int) -> Optional[Original]:
        there = self.system.stat(path)
        if there is None or there.kind not in ("file", "link", "directory"):
            return None
        kept = ""
        if there.kind == "file":
            kept = f"{ORIGINALS}/{number:06d}"
            for folder in ("/var/lib/toque", ORIGINALS):
                if self.system.stat(folder) is None:
                    self.system.mkdir(folder, owner="root", group="root", mode=0o700)
            self.system.write(kept, self.system.read(path), mode=0o600)
        return Original(there.kind, there.owner, there.group, there.mode, kept, there.target)

    def _save(self, added: Added) -> None:
        if added != self.added or self.system.stat(ADDED) is None:
            if self.system.stat("/var/lib/toque") is None:
                self.system.mkdir("/var/lib/toque", owner="root", group="root", mode=0o755)
            write_added(self.system, added)
            self.added = added


def things(system: System) -> Dict[str, List[str]]:
    """The packages, users, groups and directories of packages there are."""
    system.forget(frozenset({"packages", "users", "groups"}))
    known = database(system).packages if system.stat("/var/lib/dpkg/status") else {}
    there = [n for n, one in known.items() if ":" not in n and one.state != "not-installed"]
    return {
        "packages": sorted(there),
        "users": sorted(accounts(system)),
        "groups": sorted(teams(system)),
        "folders": sorted(f"{shelf}/{name}" for shelf in SHELVES for name in system.names(shelf)),
    }


def settled(added: Added, now: Mapping[str, List[str]], at: float) -> Added:
    """``added`` with what came since ``added.before``, and without what has gone, seen at ``at``.

    Pure."""
    if added.before is None:
        return added
    more: Dict[str, Any] = {}
    for name in ("packages", "users", "groups"):
        new = set(now[name]) - set(added.before[name])
        more[name] = frozenset((getattr(added, name) | new) & set(now[name]))
    folders = dict.fromkeys(set(now["folders"]) - set(added.before["folders"]), at)
    folders.update(added.folders)
    more["folders"] = {path: folders[path] for path in sorted(set(folders) & set(now["folders"]))}
    return replace(added, before=None, **more)


def digest_at(system: System, path: str) -> str:
    """The SHA-256 of a file; empty when there is none."""
    there = system.stat(path)
    if there is None or there.kind != "file":
        return ""
    return hashlib.sha256(system.read(path)).hexdigest()


def tree_of(path: str) -> str:
    """The directory above ``path`` or ``path`` itself that would be Toque's as a whole.  Pure."""
    for one in [path, *above(path)]:
        if one in TREES or one.rpartition("/")[0] == APPS:
            return one
    return ""


def within(path: str, folders: AbstractSet[str]) -> bool:
    """Whether ``path`` is one of ``folders`` or below one.  Pure."""
    return path in folders or any(one in folders for one in above(path))


def above(path: str) -> List[str]:
    """The directories above a path, nearest first, without the root.  Pure."""
    parts = path.strip("/").split("/")[:-1]
    return ["/" + "/".join(parts[:count]) for count in range(len(parts), 0, -1)]
