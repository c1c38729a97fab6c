"""Host keys that ssh accepts."""

import re
from typing import ClassVar, FrozenSet, List, Optional, Sequence

from .. import knownhosts, sshfolder
from ..accounts import Account, accounts
from ..claim import Claim
from ..errors import NotReady
from ..formats import Unquotable, publickey
from ..formats.publickey import PublicKey
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System
from .user import valid_name

SYSTEM_WIDE = "/etc/ssh/ssh_known_hosts"
PERSONAL = "known_hosts"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252})|[0-9A-Fa-f:]{2,39}")


@dataclass(frozen=True)
class SshKnownHost(Resource):
    """A pinned host key: ``SshKnownHost("git.example.org", "ssh-ed25519 AAAA...")``.

    For the whole machine, or with ``user`` in that user's own .ssh/known_hosts.  ``public_key``
    becomes the only one of its type for that ``host`` and ``port``; entries of other hosts and of
    other types stay.  Lines are compared by what they mean: hashed names and names in a list are
    found. ``absent=True`` removes every key of the host.

    The key is given, never fetched: whoever answered would be trusted.  Its owner knows it, from
    ``/etc/ssh/ssh_host_ed25519_key.pub``.
    """

    host: str
    public_key: Optional[str] = None
    port: int = 22
    user: Optional[str] = None
    absent: bool = False
    kind: ClassVar[str] = "ssh_known_host"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"files"})

    @property
    def key(self) -> str:
        """The host as ssh looks it up, the type of its key, and whose file it is in."""
        whose = f" of {self.user}" if self.user else ""
        kind = " " + self.public_key.split(" ")[0] if self.public_key else ""
        return f"{knownhosts.name_of(self.host, self.port)}{kind}{whose}"

    def validate(self) -> None:
        if not _HOST.fullmatch(self.host):
            raise Invalid("host", "one host name or address", self.host)
        if not 1 <= self.port <= 65535:
            raise Invalid("port", "a number from 1 to 65535", self.port)
        if self.user is not None:
            valid_name("user", self.user)
        if self.absent == (self.public_key is not None):
            raise Invalid("public_key", "a key, or absent=True without one", self.public_key)
        if self.public_key is not None:
            try:
                publickey.parse(self.public_key)
            except Unquotable as error:
                raise Invalid("public_key", error.expected, error.found) from error

    def claims(self) -> Sequence[Claim]:
        return () if self.user else (Claim(SYSTEM_WIDE, part=True),)

    def wanted(self) -> Optional[State]:
        return None if self.absent else {"keys": [_shown(self._key())]}

    def found(self, system: System) -> Optional[State]:
        keys = knownhosts.keys_of(self._read(system), self._name())
        if not self.absent:
            keys = [key for key in keys if key.type == self._key().type]
        shown: List[str] = sorted({_shown(key) for key in keys})
        return {"keys": shown} if shown else None

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        key = None if self.absent else self._key()
        text = knownhosts.replaced(self._read(system), self._name(), key)
        if self.user is None:
            system.write(SYSTEM_WIDE, text.encode())
        else:
            sshfolder.write_in(system, self._account(system, self.user), PERSONAL, text)

    def _read(self, system: System) -> str:
        if self.user is not None:
            return sshfolder.read_in(system, self._account(system, self.user), PERSONAL)
        if system.stat(SYSTEM_WIDE) is None:
            return ""
        return system.read(SYSTEM_WIDE).decode("utf-8", "replace")

    def _account(self, system: System, user: str) -> Account:
        account = accounts(system).get(user)
        if account is None:
            raise NotReady(
                "user-missing",
                f"there is no user {user} to know a host key",
                expected="a step before this one that makes the user",
                hint=f'add User("{user}") before this step',
            )
        return account

    def _name(self) -> str:
        return knownhosts.name_of(self.host, self.port)

    def _key(self) -> PublicKey:
        return publickey.parse(self.public_key)


def _shown(key: PublicKey) -> str:
    return f"{key.type} {key.fingerprint}"
