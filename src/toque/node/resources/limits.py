"""What a user's sessions may use: one file of /etc/security/limits.d each."""

from typing import ClassVar, Mapping, Union

from ..fragment import NAME, Fragment
from ..record import dataclass, field
from ..resource import Invalid
from .file import File
from .user import valid_name

# limits.conf(5); priority and nice take negative numbers, the others none.
ITEMS = frozenset(
    "core data fsize memlock nofile rss stack cpu nproc as maxlogins maxsyslogins nonewprivs"
    " priority locks sigpending msgqueue nice rtprio".split()
)
MOST = 2**63 - 1
Value = Union[int, str]


@dataclass(frozen=True)
class Limits(Fragment):
    """Limits of logins: ``Limits("thena", "thena", both={"nofile": 65536})``.

    ``name`` is the file's name in /etc/security/limits.d, without ``.conf``.  ``domain`` is a user,
    a group as ``@group``, or ``*`` for everybody but root.  ``soft``, ``hard`` and ``both`` map the
    items of limits.conf(5) to a number in the unit that it gives there (``nofile`` is a count,
    ``memlock`` KiB), or to ``"unlimited"``.

    pam_limits reads them when a session begins: SSH, sudo, cron.  A service of systemd has no such
    session; its limits are LimitNOFILE= and its like in the unit.
    """

    name: str
    domain: str = ""
    soft: Mapping[str, Value] = field(default_factory=dict)
    hard: Mapping[str, Value] = field(default_factory=dict)
    both: Mapping[str, Value] = field(default_factory=dict)
    absent: bool = False
    kind: ClassVar[str] = "limits"

    @property
    def file(self) -> File:
        if not NAME.fullmatch(self.name):
            raise Invalid("name", "up to 64 of A-Z a-z 0-9 _ -", self.name)
        path = f"/etc/security/limits.d/{self.name}.conf"
        return File(path, absent=True) if self.absent else File(path, self._text())

    def _text(self) -> str:
        if self.domain != "*":
            valid_name("domain", self.domain[1:] if self.domain[:1] == "@" else self.domain)
        lines = ["# Written by Toque; changes made here are lost.\n"]
        for type_, limits in (("soft", self.soft), ("hard", self.hard), ("-", self.both)):
            for item in sorted(limits):
                _valid(item, limits[item])
                lines.append(f"{self.domain} {type_} {item} {limits[item]}\n")
        if len(lines) == 1:
            raise Invalid("both", "a limit in soft, hard or both", {})
        return "".join(lines)


def _valid(item: str, value: Value) -> None:
    if item not in ITEMS:
        raise Invalid("item", f"one of {' '.join(sorted(ITEMS))}", item)
    if value == "unlimited":
        return
    low = -20 if item in ("nice", "priority") else 0
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= MOST:
        raise Invalid(item, f'a number from {low}, or "unlimited"', value)
