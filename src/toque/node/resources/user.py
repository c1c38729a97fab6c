"""Users of a machine, through useradd, usermod and userdel."""

import re
from typing import Any, ClassVar, Dict, FrozenSet, List, Optional, Sequence, Tuple, Union

from .. import authorized_keys
from ..accounts import accounts, members, stored_passwords, teams
from ..claim import Claim
from ..errors import NotReady, StepFailed
from ..formats import Unquotable, publickey
from ..processes import processes_of
from ..record import dataclass
from ..resource import EXISTS, Invalid, Resource, State, show_states
from ..system import System, command_failed
from ..values import Secret

# useradd's own rule on Debian, and no name that a program could take for an option or a number.
NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")
# crypt(5): yescrypt, gost-yescrypt, scrypt, bcrypt, SHA-512 and SHA-256; nothing weaker.
HASH = re.compile(r"\$(y|gy|7|2[aby]|6|5)\$[./A-Za-z0-9$=,]+")
DECLARED = "as declared"  # what a state says of a password that is right
KEYS = "authorized_keys"
BUSY = 8  # exit status of usermod and userdel for a user that has processes
SHOWN = 5  # processes


@dataclass(frozen=True)
class User(Resource):
    """A local user; ``uid`` is its number, ``comment`` its full name.  None leaves that aspect
    alone (and to ``useradd`` when the user is made).

    ``group`` is the primary group; without it a group of the user's name is used or made.
    ``groups`` are further ones, added to those the user has (packages and other cookbooks add some
    too), or with ``append=False`` exactly those.  ``system=True`` takes a number below 1000 and,
    unless ``shell`` says otherwise, no login shell.  ``make_home`` makes the home directory
    together with the user.

    ``password_hash`` is a hash as ``mkpasswd -m yescrypt`` makes it, never the password itself.
    ``locked=True`` lets no password in; keys still do.

    ``authorized_keys`` are the lines of the home's .ssh/authorized_keys, all of them: a key that is
    not declared is removed, and ``()`` lets no key in.  They are public keys without options.  The
    file is written as the user, not as root.

    ``absent=True`` removes the user and leaves the home directory.  A user with processes is not
    removed and keeps its number; nothing is killed for it: stop its service by a step before, or
    whatever started the processes would start them again.
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
    password_hash: Union[str, Secret, None] = None
    locked: Optional[bool] = None
    authorized_keys: Optional[Tuple[str, ...]] = None
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
        if self.password_hash is not None and not HASH.fullmatch(self._hash()):
            raise Invalid("password_hash", "a hash such as $y$j9T$..., from mkpasswd", "***")
        for line in self.authorized_keys or ():
            try:
                publickey.parse(line)
            except Unquotable as error:
                raise Invalid("authorized_keys", error.expected, error.found) from error
        if self.absent and self.name == "root":
            raise Invalid("absent", "a user that a system can do without", self.name)

    def claims(self) -> Sequence[Claim]:
        if self.home is None or self.authorized_keys is None or self.absent:
            return ()
        return (Claim(f"{self.home.rstrip('/')}/.ssh/authorized_keys"),)

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        state: Dict[str, Any] = {
            "uid": self.uid,
            "group": self.group,
            "groups": None if self.groups is None else sorted(set(self.groups)),
            "home": self.home,
            "shell": self.shell,
            "comment": self.comment,
            "password": None if self.password_hash is None else DECLARED,
            "locked": self.locked,
        }
        if self.authorized_keys is not None:
            state[KEYS] = authorized_keys.lines_of(self.authorized_keys)
            state["keys_file"] = f"0600, of {self.name}" if self.authorized_keys else None
        return state

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
        if self.password_hash is not None or self.locked is not None:
            stored = stored_passwords(system).get(self.name, "")
            state["locked"] = stored[:1] in ("!", "*")
            if self.password_hash is not None:
                state["password"] = _compared(stored.lstrip("!"), self._hash())
        if self.authorized_keys is not None:
            state.update(authorized_keys.found(system, account))
        return state

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.absent:
            self._refuse_while_busy(system, "removed")
            self._run(system, ["userdel", "--", self.name])
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
            if "uid" in keys:
                self._refuse_while_busy(system, "given another number")
            options = self._options(keys)
            if options:
                self._run(system, ["usermod", *options, "--", self.name])
        system.forget(self.disturbs)
        if keys & {"password", "locked"}:
            self._set_password(system)
        if keys & {KEYS, "keys_file"}:
            account = accounts(system)[self.name]
            authorized_keys.write(system, account, self.authorized_keys or ())

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> Sequence[str]:
        wanted = self.wanted() or {}
        lines = show_states(found, self.wanted(), keys - {KEYS})
        if KEYS in keys:
            old, new = set((found or {}).get(KEYS, ())), set(wanted[KEYS])
            lines += [f"- key {authorized_keys.shown(line)}" for line in sorted(old - new)]
            lines += [f"+ key {authorized_keys.shown(line)}" for line in sorted(new - old)]
        return lines

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

    def _set_password(self, system: System) -> None:
        stored = stored_passwords(system).get(self.name, "")
        if self.password_hash is None:
            if stored.lstrip("!*") == "" and not self.locked:
                raise StepFailed(
                    "password-missing",
                    f"user {self.name} has no password that could be unlocked",
                    expected="a password, or password_hash beside locked=False",
                    hint=f"see: passwd --status {self.name}",
                )
            field = "!" + stored if self.locked else stored.lstrip("!")
        else:
            # One that somebody has locked stays so, unless this says otherwise.
            kept = self.locked is None and stored[:1] == "!" and stored.lstrip("!*") != ""
            field = ("!" if self.locked or kept else "") + self._hash()
        # On standard input: what is in an argument list can be read by every user.
        system.run(["chpasswd", "--encrypted"], stdin=f"{self.name}:{field}\n".encode())

    def _run(self, system: System, argv: List[str]) -> None:
        result = system.run(argv, check=False)
        if result.code == BUSY:
            self._refuse_while_busy(system, "changed")
        if result.code != 0:
            raise command_failed(result)

    def _refuse_while_busy(self, system: System, how: str) -> None:
        account = accounts(system).get(self.name)
        busy = processes_of(system, account.uid) if account else []
        if busy:
            more = [f"and {len(busy) - SHOWN} more"] if len(busy) > SHOWN else []
            raise StepFailed(
                "user-has-processes",
                f"user {self.name} has processes and cannot be {how}; nothing was changed",
                expected="no processes of that user",
                found=", ".join([f"{p.pid} ({p.command})" for p in busy[:SHOWN]] + more),
                hint=f"stop what runs them by a step before this one; see: ps -fu {self.name}",
            )

    def _hash(self) -> str:
        value = self.password_hash
        return value.reveal() if isinstance(value, Secret) else value or ""


def _compared(stored: str, declared: str) -> str:
    if stored == declared:
        return DECLARED
    return "another one" if stored.strip("*") else "none"


def valid_name(field: str, name: str) -> None:
    """Raise ``Invalid`` unless this can be a user or group."""
    if not NAME.fullmatch(name):
        raise Invalid(field, "up to 32 of a-z 0-9 _ . -, starting with a letter or _", name)
