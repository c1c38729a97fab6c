"""Directories: existence, owner and mode."""

import os
from typing import ClassVar, FrozenSet, List, Optional, Sequence

from ..claim import Claim
from ..errors import StepFailed
from ..record import dataclass
from ..resource import EXISTS, Invalid, Resource, State
from ..system import System

# What a typo in recursive=True or purge=True may never reach: the top of the Filesystem Hierarchy
# Standard, and what a machine does not boot or let anybody in without.
SYSTEM_DIRECTORIES = frozenset(
    "/bin /boot /dev /etc /home /lib /lib32 /lib64 /media /mnt /opt /proc /root /run /sbin /srv"
    " /sys /tmp /usr /usr/bin /usr/lib /usr/local /usr/sbin /usr/share /var /var/lib /var/log"
    " /var/cache /var/spool /var/tmp /etc/pam.d /etc/ssh /etc/systemd /etc/systemd/system"
    " /var/lib/dpkg /var/lib/toque".split()
)


@dataclass(frozen=True)
class Directory(Resource):
    """A directory.  ``owner``, ``group``, ``mode``: None leaves that one alone.

    ``parents=True`` also makes missing directories above it, as root with mode 0755.
    ``absent=True`` removes it when it is empty, with ``recursive=True`` also all below it.
    """

    path: str
    owner: Optional[str] = "root"
    group: Optional[str] = "root"
    mode: Optional[int] = 0o755
    parents: bool = False
    absent: bool = False
    recursive: bool = False
    kind: ClassVar[str] = "directory"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"files"})

    def validate(self) -> None:
        valid_path("path", self.path)
        valid_mode(self.mode)
        valid_owners(self.owner, self.group)
        if self.recursive and not self.absent:
            raise Invalid("recursive", "only together with absent=True", self.recursive)
        if self.absent and os.path.normpath(self.path) in SYSTEM_DIRECTORIES:
            raise Invalid("path", "a directory that a system can do without", self.path)

    def claims(self) -> Sequence[Claim]:
        return (Claim(self.path, below=self.recursive),)

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        return {
            "owner": self.owner,
            "group": self.group,
            "mode": None if self.mode is None else octal(self.mode),
        }

    def found(self, system: System) -> Optional[State]:
        there = system.stat(self.path)
        if there is None:
            return None
        if there.kind != "directory":
            raise StepFailed(
                "wrong-kind",
                f"{self.path} is not a directory",
                expected="a directory",
                found=f"a link to {there.target}" if there.kind == "link" else f"a {there.kind}",
                hint=f"look at it with: ls -ld {self.path}",
            )
        return {"owner": there.owner, "group": there.group, "mode": octal(there.mode)}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.absent:
            if self.recursive:
                system.remove_tree(self.path)
            else:
                system.remove(self.path)
        elif EXISTS in keys:
            for above in reversed(_missing_above(system, self.path) if self.parents else []):
                system.mkdir(above, owner="root", group="root", mode=0o755)
            system.mkdir(
                self.path,
                owner=self.owner or "root",
                group=self.group or "root",
                mode=0o755 if self.mode is None else self.mode,
            )
        else:
            if keys & {"owner", "group"}:
                system.chown(
                    self.path,
                    self.owner if "owner" in keys else None,
                    self.group if "group" in keys else None,
                )
            if self.mode is not None:
                system.chmod(self.path, self.mode)


def octal(mode: int) -> str:
    """As ``ls`` readers and ``chmod`` writers know it: 0644."""
    return f"{mode:04o}"


def valid_path(field: str, path: str) -> None:
    """Raise ``Invalid`` unless this can be the one spelling of a path on a node."""
    plain = path.startswith("/") and path != "/" and not path.startswith("//")
    if not plain or os.path.normpath(path) != path or min(path) < " ":
        raise Invalid(field, "an absolute path without .., // or a slash at the end", path)


def valid_mode(mode: Optional[int]) -> None:
    if mode is None:
        return
    # 644 is 0o1204, which nobody means; what 512 to 777 say in octal is good for nothing.
    forgotten = 512 <= mode <= 777 and set(str(mode)) <= set("01234567")
    if forgotten or not 0 <= mode <= 0o7777:
        raise Invalid("mode", "an octal mode such as 0o644", mode)


def valid_owners(owner: Optional[str], group: Optional[str]) -> None:
    """Numbers are refused: what is read back is a name, so they would differ for ever."""
    from .user import NAME  # declarations are checked on the controller, never on a node

    for field, name in (("owner", owner), ("group", group)):
        if name is not None and not NAME.fullmatch(name):
            raise Invalid(field, "the name of a user or group, or None", name)


def _missing_above(system: System, path: str) -> List[str]:
    """Directories above ``path`` that are not there, nearest first."""
    missing = []
    above = os.path.dirname(path)
    while above != "/" and system.stat(above) is None:
        missing.append(above)
        above = os.path.dirname(above)
    return missing
