"""A unit file under /etc/systemd/system, read by the init system."""

import re
from typing import ClassVar, FrozenSet, Optional, Sequence

from ..claim import Claim
from ..contents import bytes_at, text_at
from ..errors import StepFailed
from ..inits import choose
from ..inits.unitfile import UnitSyntax, parse
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System

UNITS = frozenset({"units"})
_NAME = re.compile(r"[A-Za-z0-9:_.@-]+\.(service|socket|timer|target|path|mount|slice)\Z")


@dataclass(frozen=True)
class Unit(Resource):
    """A unit file of our own: ``Unit("thena.service", content=...)``.

    The init system has read the text when this step is done (daemon-reload when needed), and
    nothing was started or restarted for it: say so with ``notify=service.restart``.  A text that
    systemd refuses is taken back.  Removing one stops and disables it first.

    ``content`` is in systemd's language on every machine; where supervisor runs services instead
    it is translated, and what cannot be kept is noted in the outcome.
    """

    name: str
    content: str = ""
    absent: bool = False

    kind: ClassVar[str] = "unit"
    # What it asks of the init system after a change is not asked once more.
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset()

    @property
    def path(self) -> str:
        return f"/etc/systemd/system/{self.name}"

    def validate(self) -> None:
        if not _NAME.match(self.name):
            raise Invalid("name", "a unit's file name such as thena.service", self.name)
        if self.absent:
            return
        if not self.content.strip():
            raise Invalid("content", "the text of a unit", self.content)
        try:
            parse(self.content)
        except UnitSyntax as error:
            raise Invalid("content", "the text of a unit", str(error)) from error

    def claims(self) -> Sequence[Claim]:
        return (Claim(self.path),)

    def wanted(self) -> Optional[State]:
        return None if self.absent else {"content": self.content, "loaded": True}

    def found(self, system: System) -> Optional[State]:
        content = text_at(system, self.path)
        if content is None:
            return None
        return {"content": content, "loaded": choose(system).loaded(self.name)}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        init = choose(system)
        if self.absent:
            if init.state(self.name).exists:
                init.stop(self.name)
                init.disable(self.name, later=True)  # unload catches up
            system.remove(self.path)
            init.unload(self.name)
            return
        before = bytes_at(system, self.path)
        if "content" in keys:
            init.examine(self.name, self.content)
            system.write(self.path, self.content.encode())
            system.forget(UNITS)
        try:
            init.load(self.name)
        except StepFailed:
            self._put_back(system, before)
            raise

    def _put_back(self, system: System, before: Optional[bytes]) -> None:
        if before is None:
            system.remove(self.path)
        else:
            system.write(self.path, before)
        system.forget(UNITS)
        try:
            if before is None:
                choose(system).unload(self.name)
            else:
                choose(system).load(self.name)
        except StepFailed:
            pass  # the first failure is the one to tell
