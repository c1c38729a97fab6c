"""A message at its place in the report."""

from typing import ClassVar, FrozenSet

from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System

LONGEST = 200  # characters: it is one line of a report


@dataclass(frozen=True)
class Log(Resource):
    """Say ``message`` where the run comes by: ``r.add(Log("old queue"), when=Guard(...))``.

    It is never a change.  The same message twice is one step, at its first place.
    """

    message: str

    kind: ClassVar[str] = "log"

    def validate(self) -> None:
        if type(self.message) is not str or not self.message.isprintable():
            raise Invalid("message", "one line of text that is no secret", type(self.message))
        if not 1 <= len(self.message) <= LONGEST:
            raise Invalid("message", f"1 to {LONGEST} characters", len(self.message))

    def wanted(self) -> State:
        return {}

    def found(self, system: System) -> State:
        system.note(self.message)
        return {}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        raise ValueError(f"{self.kind} only speaks")
