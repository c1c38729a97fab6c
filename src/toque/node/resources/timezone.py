"""The time zone of a machine."""

import re
from typing import ClassVar, FrozenSet, Optional, Sequence

from ..claim import Claim
from ..contents import text_at
from ..errors import NotReady
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System

ZONES = "/usr/share/zoneinfo"
LINK = "/etc/localtime"
TEXT = "/etc/timezone"  # Debian's own copy of the name, until Debian 12

_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")


@dataclass(frozen=True)
class Timezone(Resource):
    """The machine's time zone: ``Timezone("Europe/Zurich")``, a name of the ``tzdata`` package.

    Programs that run keep the zone they started with: notify those that matter, such as cron.
    Where Debian keeps the name in ``/etc/timezone`` too, it is put right there.
    """

    name: str

    kind: ClassVar[str] = "timezone"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset()

    @property
    def key(self) -> str:
        """A machine has one zone: two of these in a plan are a mistake."""
        return "zone"

    def validate(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise Invalid("name", "a time zone such as Europe/Zurich or Etc/UTC", self.name)

    def claims(self) -> Sequence[Claim]:
        return (Claim(LINK), Claim(TEXT))

    def wanted(self) -> State:
        return {"zone": self.name, "text": self.name}

    def found(self, system: System) -> State:
        zone = f"{ZONES}/{self.name}"
        if system.stat(zone) is None:
            raise NotReady(
                "timezone-unknown",
                f"this machine knows no time zone {self.name}",
                expected=f"a file {zone}",
                hint='look with: timedatectl list-timezones; or add Package("tzdata") before',
            )
        there = system.stat(LINK)
        # timedatectl writes ../usr/share/zoneinfo/..., Debian's installer the whole path.
        _, marked, name = (there.target if there else "").partition("/zoneinfo/")
        return {"zone": name if marked else None, "text": self._text(system)}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if "text" in keys:
            system.write(TEXT, f"{self.name}\n".encode())
        if "zone" in keys:
            system.link(LINK, f"{ZONES}/{self.name}")

    def _text(self, system: System) -> str:
        text = text_at(system, TEXT)
        return self.name if text is None else text.strip()  # without it, nobody reads it here
