"""Symbolic links."""

from typing import ClassVar, FrozenSet, Optional, Sequence

from ..claim import Claim
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System
from .directory import valid_path
from .file import wrong_kind


@dataclass(frozen=True)
class Link(Resource):
    """A symbolic link with exactly this text as its target, replaced in one rename.

    The target need not exist.  A file or directory in its place is an error, not replaced.
    """

    path: str
    target: str = ""
    absent: bool = False
    kind: ClassVar[str] = "link"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"files"})

    def validate(self) -> None:
        valid_path("path", self.path)
        if not self.absent and (not self.target or "\0" in self.target):
            raise Invalid("target", "a path for the link to lead to", self.target)

    def claims(self) -> Sequence[Claim]:
        return (Claim(self.path),)

    def wanted(self) -> Optional[State]:
        return None if self.absent else {"target": self.target}

    def found(self, system: System) -> Optional[State]:
        there = system.stat(self.path)
        if there is None:
            return None
        if there.kind != "link":
            raise wrong_kind(self.path, "a link", there)
        return {"target": there.target}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.absent:
            system.remove(self.path)
        else:
            system.link(self.path, self.target)
