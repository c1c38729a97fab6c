"""useradd and its relatives on the machine in memory: they edit passwd(5) and group(5).

Options and exit statuses are those of shadow 4.13 (useradd(8), usermod(8), groupadd(8) ...).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from ..node.accounts import Account, Team
from ..node.memory import Program
from ..node.system import Result

if TYPE_CHECKING:
    from .machine import Machine

USERS = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
backup:x:34:34:backup:/var/backups:/usr/sbin/nologin
_apt:x:42:65534::/nonexistent:/usr/sbin/nologin
sshd:x:100:65534::/run/sshd:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
GROUPS = """\
root:x:0:
daemon:x:1:
bin:x:2:
adm:x:4:
mail:x:8:
sudo:x:27:
www-data:x:33:
backup:x:34:
shadow:x:42:
staff:x:50:
users:x:100:
crontab:x:101:
systemd-journal:x:102:
nogroup:x:65534:
"""


class Refusal(Exception):
    """What a program of this family ends with: a status and its words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True)
class Accounts:
    """Both databases as values."""

    users: Mapping[str, Account]
    groups: Mapping[str, Team]

    def group(self, name: str) -> Team:
        for team in self.groups.values():
            if name in (team.name, str(team.gid)):
                return team
        raise Refusal(6, f"group '{name}' does not exist")

    def user(self, name: str) -> Account:
        if name not in self.users:
            raise Refusal(6, f"user '{name}' does not exist")
        return self.users[name]

    def with_user(self, user: Account) -> Accounts:
        return replace(self, users={**self.users, user.name: user})

    def with_group(self, group: Team) -> Accounts:
        return replace(self, groups={**self.groups, group.name: group})

    def without(self, *, user: str = "", group: str = "") -> Accounts:
        return Accounts(
            {name: one for name, one in self.users.items() if name != user},
            {
                name: replace(one, members=tuple(m for m in one.members if m != user))
                for name, one in self.groups.items()
                if name != group
            },
        )

    def joined(self, user: str, groups: Sequence[str], *, only: bool) -> Accounts:
        """``user`` as a member of ``groups``; ``only`` of those."""
        names = {self.group(name).name for name in groups}
        changed = {}
        for name, team in self.groups.items():
            rest = tuple(m for m in team.members if m != user)
            stays = name in names or (user in team.members and not only)
            changed[name] = replace(team, members=(*rest, user) if stays else rest)
        return replace(self, groups=changed)


class Words(argparse.ArgumentParser):
    """Arguments of one of these programs; a wrong one ends it with status 2, as the real ones."""

    def __init__(self, program: str, spellings: Sequence[tuple[str, ...]]) -> None:
        super().__init__(program, add_help=False, allow_abbrev=False)
        for names in spellings:
            flag = names[0].startswith("!")
            self.add_argument(
                *(name.lstrip("!") for name in names), action="store_true" if flag else "store"
            )
        self.add_argument("name")

    def error(self, message: str) -> NoReturn:
        raise Refusal(2, message)


USERADD = (
    ("!--create-home", "-m"),
    ("!--no-create-home", "-M"),
    ("!--system", "-r"),
    ("!--user-group", "-U"),
    ("--shell", "-s"),
    ("--gid", "-g"),
    ("--groups", "-G"),
    ("--uid", "-u"),
    ("--home-dir", "-d"),
    ("--comment", "-c"),
    ("--password", "-p"),
)
USERMOD = (
    ("!--append", "-a"),
    ("!--move-home", "-m"),
    ("!--lock", "-L"),
    ("!--unlock", "-U"),
    ("--shell", "-s"),
    ("--gid", "-g"),
    ("--groups", "-G"),
    ("--uid", "-u"),
    ("--home", "-d"),
    ("--comment", "-c"),
    ("--password", "-p"),
    ("--expiredate", "-e"),
)


def useradd(machine: Machine, given: argparse.Namespace) -> Accounts:
    now = read(machine)
    if given.name in now.users:
        raise Refusal(9, f"user '{given.name}' already exists")
    system = given.system
    uid = int(given.uid) if given.uid else _free({u.uid for u in now.users.values()}, system)
    if uid in {user.uid for user in now.users.values()}:
        raise Refusal(4, f"UID {uid} is not unique")
    if given.gid:
        gid = now.group(given.gid).gid
    else:
        if given.name in now.groups:
            raise Refusal(9, f"group {given.name} exists - use -g to add this user to it")
        taken = {group.gid for group in now.groups.values()}
        gid = uid if uid not in taken else _free(taken, system)
        now = now.with_group(Team(given.name, gid, ()))
    home = given.home_dir or f"/home/{given.name}"
    shell = given.shell or ("/usr/sbin/nologin" if system else "/bin/sh")
    user = Account(given.name, uid, gid, given.comment or "", home, shell)
    now = now.with_user(user)
    if given.groups:
        now = now.joined(user.name, given.groups.split(","), only=True)
    if given.create_home and home not in machine.tree:
        machine.put(home, kind="directory", owner=user.name, group=now.group(str(gid)).name)
        machine.tree[home].mode = 0o700
    return now


def usermod(machine: Machine, given: argparse.Namespace) -> Accounts:
    now = read(machine)
    user = now.user(given.name)
    if given.uid and int(given.uid) in {u.uid for u in now.users.values() if u.name != user.name}:
        raise Refusal(4, f"UID '{given.uid}' already exists")
    if given.home and given.move_home and user.home in machine.tree:
        machine.rename(user.home, given.home)
    user = Account(
        user.name,
        int(given.uid) if given.uid else user.uid,
        now.group(given.gid).gid if given.gid else user.gid,
        user.comment if given.comment is None else given.comment,
        given.home or user.home,
        given.shell or user.shell,
    )
    now = now.with_user(user)
    if given.groups is not None:
        names = [name for name in given.groups.split(",") if name]
        now = now.joined(user.name, names, only=not given.append)
    return now


def userdel(machine: Machine, given: argparse.Namespace) -> Accounts:
    now = read(machine)
    user = now.user(given.name)
    if given.remove and user.home in machine.tree:
        machine.remove_tree(user.home)
    now = now.without(user=user.name)
    own = now.groups.get(user.name)  # goes too when nobody else uses it: USERGROUPS_ENAB
    used = own and (own.members or own.gid in {u.gid for u in now.users.values()})
    return now.without(group=own.name) if own and not used else now


def groupadd(machine: Machine, given: argparse.Namespace) -> Accounts:
    now = read(machine)
    if given.name in now.groups:
        raise Refusal(9, f"group '{given.name}' already exists")
    taken = {group.gid for group in now.groups.values()}
    gid = int(given.gid) if given.gid else _free(taken, given.system)
    if gid in taken:
        raise Refusal(4, f"GID '{gid}' already exists")
    return now.with_group(Team(given.name, gid, ()))


def groupmod(machine: Machine, given: argparse.Namespace) -> Accounts:
    now = read(machine)
    group = now.group(given.name)
    if not given.gid:
        return now
    gid = int(given.gid)
    if gid in {other.gid for other in now.groups.values() if other.name != group.name}:
        raise Refusal(4, f"GID '{gid}' already exists")
    moved = {
        name: replace(user, gid=gid) if user.gid == group.gid else user
        for name, user in now.users.items()
    }
    return replace(now, users=moved).with_group(replace(group, gid=gid))


def groupdel(machine: Machine, given: argparse.Namespace) -> Accounts:
    now = read(machine)
    group = now.group(given.name)
    for user in now.users.values():
        if user.gid == group.gid:
            raise Refusal(8, f"cannot remove the primary group of user '{user.name}'")
    return now.without(group=group.name)


FAMILY: Mapping[
    str,
    tuple[Sequence[tuple[str, ...]], Callable[[Machine, argparse.Namespace], Accounts]],
] = {
    "useradd": (USERADD, useradd),
    "usermod": (USERMOD, usermod),
    "userdel": ((("!--remove", "-r"), ("!--force", "-f")), userdel),
    "groupadd": ((("!--system", "-r"), ("--gid", "-g")), groupadd),
    "groupmod": ((("--gid", "-g"),), groupmod),
    "groupdel": ((), groupdel),
}


def programs(machine: Machine) -> dict[str, Program]:
    return {name: _program(machine, name) for name in FAMILY}


def _program(machine: Machine, name: str) -> Program:
    spellings, work = FAMILY[name]

    def run(argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
        try:
            write(machine, work(machine, Words(name, spellings).parse_args(list(argv[1:]))))
        except Refusal as refusal:
            return Result(argv, refusal.status, b"", f"{name}: {refusal}\n".encode())
        return Result(argv, 0)

    return run


def read(machine: Machine) -> Accounts:
    users = {}
    for line in machine.text("/etc/passwd").splitlines():
        name, _, uid, gid, comment, home, shell = line.split(":")
        users[name] = Account(name, int(uid), int(gid), comment, home, shell)
    groups = {}
    for line in machine.text("/etc/group").splitlines():
        name, _, gid, members = line.split(":")
        groups[name] = Team(name, int(gid), tuple(m for m in members.split(",") if m))
    return Accounts(users, groups)


def write(machine: Machine, now: Accounts) -> None:
    users = [
        f"{u.name}:x:{u.uid}:{u.gid}:{u.comment}:{u.home}:{u.shell}\n" for u in now.users.values()
    ]
    groups = [f"{g.name}:x:{g.gid}:{','.join(g.members)}\n" for g in now.groups.values()]
    machine.put("/etc/passwd", "".join(users).encode())
    machine.put("/etc/group", "".join(groups).encode())


def _free(taken: set[int], system: bool) -> int:
    """The number that login.defs(5) of Debian leads to: system ones from 999 down."""
    candidates = range(999, 99, -1) if system else range(1000, 60001)
    return next(number for number in candidates if number not in taken)
