"""What was in a place before Toque, put back there."""

from typing import ClassVar, FrozenSet, Optional, Sequence

from ..added import read_added
from ..claim import Claim
from ..errors import StepFailed
from ..giveback import same
from ..record import dataclass
from ..resource import Resource, State
from ..system import System
from .directory import valid_path


@dataclass(frozen=True)
class Original(Resource):
    """``path`` is as it was when Toque changed it for the first time: a file with its content, a
    link with its target, a directory with its owner and mode.

    ``toque remove`` adds it; a recipe has no use for it.
    """

    path: str

    kind: ClassVar[str] = "original"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"files"})

    def validate(self) -> None:
        valid_path("path", self.path)

    def claims(self) -> Sequence[Claim]:
        return (Claim(self.path),)

    def wanted(self) -> State:
        return {"as": "before Toque"}

    def found(self, system: System) -> State:
        added = read_added(system)
        original = added.originals.get(self.path) if added else None
        if original is None:
            raise StepFailed(
                "original-unknown",
                f"nobody knows what {self.path} was before Toque",
                expected=f"{self.path} in the record of what Toque has changed",
                found="no such entry",
            )
        return {"as": "before Toque" if same(system, self.path, original) else "Toque left it"}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        added = read_added(system)
        original = (added.originals if added else {})[self.path]
        if original.kind == "link":
            system.link(self.path, original.target)
        elif original.kind == "directory":
            system.chown(self.path, original.owner, original.group)
            system.chmod(self.path, original.mode)
        else:
            system.write(
                self.path,
                system.read(original.kept),
                owner=original.owner,
                group=original.group,
                mode=original.mode,
            )
