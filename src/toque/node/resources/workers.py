"""The workers of one release, in the place of those of another."""

from typing import ClassVar, FrozenSet, Optional, Sequence

from ..applayout import is_release
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System
from ..workers import retire, retired, start, started


@dataclass(frozen=True)
class Workers(Resource):
    """The workers of ``app``'s ``release`` run, beside others or instead of them as their rule
    says.  With ``only``, also its schedules count, and no worker and no schedule of another
    release is left.  Which there are is read from their units: see ``Processes``.
    """

    kind: ClassVar[str] = "workers"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"units"})

    app: str
    release: str
    only: bool = False

    @property
    def key(self) -> str:
        return f"{'only' if self.only else 'start'} {self.app} {self.release}"

    def validate(self) -> None:
        if not is_release(self.release):
            raise Invalid("release", "a release ID", self.release)

    def wanted(self) -> State:
        return {"others": (), "due": ()} if self.only else {"running": True}

    def found(self, system: System) -> Optional[State]:
        if not self.only:
            return {"running": started(system, self.app, self.release)}
        others, due = retired(system, self.app, self.release)
        return {"others": tuple(others), "due": tuple(due)}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.only:
            retire(system, self.app, self.release)
        else:
            start(system, self.app, self.release)

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> Sequence[str]:
        if not self.only or found is None:
            return ["start the workers"]
        lines = [f"- {unit}" for unit in found["others"]]
        return lines + [f"+ {unit}" for unit in found["due"]]
