"""Users of a machine, through useradd, usermod and userdel."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Dict, FrozenSet, List, Optional, Tuple

from ..accounts import accounts, members, teams
from ..errors import NotReady
from ..resource import EXISTS, Invalid, Resource, State
from ..system import System

# useradd's own rule on Debian, and no name that a program could take for an option or a number.
NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")


@dataclass(frozen=True)
class User(Resource):
    """A local user.  None leaves that aspect alone (and to ``useradd`` when the user is made).

    ``group`` is the primary group; without it a group of the user's name is used or made.
    ``groups`` are further ones, added to those the user has, or with ``append=False`` exactly
    those.  ``system=True`` takes a number below 1000 and, unless ``shell`` says otherwise, no
    login shell.  ``make_home`` makes the home directory together with the user.  ``absent=True``
    removes the user and leaves the home directory.
    """

    name: str
    uid: Optional[int] = None
    group: Optional[str] = None
    groups: Optional[Tuple[str, ...]] = None
    append: bool = True
    home: Optional[str] = None
    shell: Optional[str] = None
    system: bool = False
    make_home: bool = False
    comment: Optional[str] = None
    absent: bool = False
    kind: ClassVar[str] = "user"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"users", "groups"})

    def validate(self) -> None:
        valid_name("name", self.name)
        for name in (*(self.groups or ()), *([self.group] if self.group else [])):
            valid_name("groups", name)
        for field in ("home", "shell", "comment"):
            value = getattr(self, field)
            if value is not None and any(c in value for c in ":\n\0"):
                raise Invalid(field, "text without a colon or a line end", value)
        if self.absent and self.name == "root":
            raise Invalid("absent", "a user that a system can do without", self.name)

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        return {
            "uid": self.uid,
            "group": self.group,
            "groups": None if self.groups is None else sorted(set(self.groups)),
            "home": self.home,
            "shell": self.shell,
            "comment": self.comment,
        }

    def found(self, system: System) -> Optional[State]:
        account = accounts(system).get(self.name)
        if account is None:
            return None
        groups = teams(system)
        primary = [g.name for g in groups.values() if g.gid == account.gid]
        state: Dict[str, Any] = {
            "uid": account.uid,
            "group": self.group if self.group in primary else (primary or [str(account.gid)])[0],
            "home": account.home,
            "shell": account.shell,
            "comment": account.comment,
        }
        if self.groups is not None:
            has = {g.name for g in groups.values() if self.name in members(system, g)}
            # The primary group is never an "extra" one, unless it was asked for.
            extra = has - (set(primary) - set(self.groups))
            state["groups"] = sorted(extra & set(self.groups) if self.append else extra)
        return state

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.absent:
            system.run(["userdel", "--", self.name])
            return
        there = teams(system)
        for name in (*(self.groups or ()), *([self.group] if self.group else [])):
            if name not in there:
                raise NotReady(
                    "group-missing",
                    f"there is no group {name} for user {self.name}",
                    expected="a step before this one that makes the group",
                    hint=f'add Group("{name}") before this step',
                )
        if EXISTS in keys:
            system.run(self._useradd(self.name in there))
        else:
            system.run(["usermod", *self._options(keys), "--", self.name])

    def _useradd(self, has_group: bool) -> List[str]:
        argv = ["useradd", "--create-home" if self.make_home else "--no-create-home"]
        if self.system:
            argv.append("--system")
            if self.shell is None:
                argv.append("--shell=/usr/sbin/nologin")
        if self.group is None:
            argv.append(f"--gid={self.name}" if has_group else "--user-group")
        keys = frozenset({"uid", "group", "groups", "home", "shell", "comment"})
        return [*argv, *self._options(keys, new=True), "--", self.name]

    def _options(self, keys: FrozenSet[str], new: bool = False) -> List[str]:
        argv: List[str] = []
        for key, option in (
            ("uid", "--uid"),
            ("group", "--gid"),
            ("home", "--home-dir" if new else "--home"),
            ("shell", "--shell"),
            ("comment", "--comment"),
        ):
            value = getattr(self, key)
            if key in keys and value is not None:
                argv.append(f"{option}={value}")
        if "groups" in keys and self.groups is not None:
            if self.append and not new:
                argv.append("--append")
            argv.append(f"--groups={','.join(sorted(set(self.groups)))}")
        return argv


def valid_name(field: str, name: str) -> None:
    """Raise ``Invalid`` unless this can be a user or group."""
    if not NAME.fullmatch(name):
        raise Invalid(field, "up to 32 of a-z 0-9 _ . -, starting with a letter or _", name)
