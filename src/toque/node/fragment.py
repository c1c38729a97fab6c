"""A file of its own in a directory that some program reads whole, made from typed fields."""

import re
from abc import abstractmethod
from typing import ClassVar, FrozenSet, Optional, Sequence

from .claim import Claim
from .record import dataclass
from .resource import Resource, State
from .resources.file import File
from .system import System

# What cron reads; it skips files with other characters in their name without a word.
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Fragment(Resource):
    """The base of such types: everything but the text is what ``File`` does."""

    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"files"})

    @property
    @abstractmethod
    def file(self) -> File:
        """The file with its text, or absent.  Raises ``Invalid`` for fields that make none."""

    def validate(self) -> None:
        self.file.validate()

    def claims(self) -> Sequence[Claim]:
        return self.file.claims()

    def wanted(self) -> Optional[State]:
        return self.file.wanted()

    def found(self, system: System) -> Optional[State]:
        return self.file.found(system)

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        self.file.fix(system, keys)

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> Sequence[str]:
        return self.file.show(found, keys)
