"""The account databases of a machine, read the way MemorySystem can fake them.

Only /etc/passwd, /etc/shadow and /etc/group: what ``useradd`` writes and what a chroot has.  Users
from LDAP and the like are not seen here and cannot be managed by us.
"""

from typing import Dict, List, Set, Tuple

from .contents import text_at
from .record import dataclass
from .system import System


@dataclass(frozen=True)
class Account:
    """One line of passwd(5).  ``gid`` is the number of the primary group."""

    name: str
    uid: int
    gid: int
    comment: str
    home: str
    shell: str


@dataclass(frozen=True)
class Team:
    """One line of group(5)."""

    name: str
    gid: int
    members: Tuple[str, ...]


def accounts(system: System) -> Dict[str, Account]:
    def look() -> Dict[str, Account]:
        found = {}
        for parts in _lines(system, "/etc/passwd", 7):
            name, _, uid, gid, comment, home, shell = parts[:7]
            found[name] = Account(name, int(uid), int(gid), comment, home, shell)
        return found

    return system.observe("users", look)


def teams(system: System) -> Dict[str, Team]:
    def look() -> Dict[str, Team]:
        found = {}
        for parts in _lines(system, "/etc/group", 4):
            name, _, gid, members = parts[:4]
            found[name] = Team(name, int(gid), tuple(m for m in members.split(",") if m))
        return found

    return system.observe("groups", look)


def stored_passwords(system: System) -> Dict[str, str]:
    """The second field of shadow(5) by user: a hash, ``!`` and what was locked away, or ``*``."""

    def look() -> Dict[str, str]:
        lines = (text_at(system, "/etc/shadow") or "").splitlines()
        fields = (line.split(":") for line in lines)
        return {field[0]: field[1] for field in fields if len(field) > 2}

    return system.observe("users:passwords", look)


def members(system: System, team: Team) -> Set[str]:
    """Everybody in a group, those for whom it is the primary one included."""
    primary = {a.name for a in accounts(system).values() if a.gid == team.gid}
    return primary | set(team.members)


def _lines(system: System, path: str, parts: int) -> List[List[str]]:
    lines = (text_at(system, path) or "").splitlines()
    split = [line.split(":") for line in lines]
    # "+::::::" are NIS entries; anything without a number where one belongs is not ours to judge.
    return [p for p in split if len(p) >= parts and p[2].isdigit()]
