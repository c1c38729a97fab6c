"""The name of a machine."""

import re
from typing import ClassVar, FrozenSet, Optional, Sequence

from ..claim import Claim
from ..contents import text_at
from ..errors import StepFailed
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System

LIVE = "/proc/sys/kernel/hostname"
STORED = "/etc/hostname"
HOSTS = "/etc/hosts"
OWN = "127.0.1.1"  # Debian's address for a machine's own name, hostname(1)

# RFC 1123, 2.1; the kernel takes 64 bytes.
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True)
class Hostname(Resource):
    """The machine's name, now and at every boot: ``Hostname("web1.example.com")``.

    ``/etc/hosts`` gets the name at 127.0.1.1 unless it stands there at some address already, so
    that the machine finds itself without a name server.  Programs that run keep the name that
    they read when they started.
    """

    name: str

    kind: ClassVar[str] = "hostname"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset()

    @property
    def key(self) -> str:
        """A machine has one name: two of these in a plan are a mistake."""
        return "name"

    def validate(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.name) > 64:
            raise Invalid("name", "up to 64 of a-z 0-9 and -, parts separated by dots", self.name)

    def claims(self) -> Sequence[Claim]:
        return (Claim(STORED), Claim(HOSTS, part=True))

    def wanted(self) -> State:
        return {"live": self.name, "stored": self.name, "hosts": True}

    def found(self, system: System) -> State:
        hosts = text_at(system, HOSTS) or ""
        names = {n for line in hosts.splitlines() for n in line.partition("#")[0].split()[1:]}
        stored = text_at(system, STORED)
        return {
            "live": self._live(system),
            "stored": None if stored is None else stored.strip(),
            "hosts": self.name in names,
        }

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if "live" in keys:  # first: it alone may be refused
            system.run(["hostname", self.name])
        if "hosts" in keys:
            system.write(HOSTS, self._hosts(text_at(system, HOSTS) or "").encode())
        if "stored" in keys:
            system.write(STORED, f"{self.name}\n".encode())

    def _live(self, system: System) -> str:
        name = text_at(system, LIVE)
        if name is None:
            raise StepFailed(
                "hostname-not-own",
                "this machine has no name of its own to change",
                expected=f"a file {LIVE}",
                found="a changed root without /proc, which shares its host's name",
                hint=f'leave the step out there: when=Guard("exists", "{LIVE}")',
            )
        return name.strip()

    def _hosts(self, text: str) -> str:
        """The text with this name at 127.0.1.1, in place of what stands there."""
        short = self.name.partition(".")[0]
        line = f"{OWN}\t{self.name}" + (f" {short}" if short != self.name else "")
        lines = text.splitlines()
        places = [number for number, old in enumerate(lines) if old.split()[:1] == [OWN]]
        if places:
            lines[places[0]] = line
        else:
            local = [n for n, old in enumerate(lines) if old.split()[:1] == ["127.0.0.1"]]
            lines.insert(local[0] + 1 if local else 0, line)
        return "\n".join(lines) + "\n"
