"""The base of every resource type: wanted, found, fix, perform; and the pure comparison.

A state is a flat mapping of JSON-like values.  ``None`` instead of a state means "does not exist"
(found) or "must not exist" (wanted).  A value of ``None`` inside a wanted state means "not
managed".  A type is one file: the controller imports it to author and validate, the node imports
the same text to read and to fix.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from .claim import Claim
from .record import dataclass
from .system import System

State = Mapping[str, Any]

EXISTS = "exists"  # the key that differs when a thing has to be made or removed


class Invalid(ValueError):
    """A declaration that can never be right, found while the plan is written.

    ``field`` names the field, ``expected`` says what it takes.
    """

    def __init__(self, field: str, expected: str, found: object) -> None:
        super().__init__(f"{field}: expected {expected}, found {found!r}")
        self.field = field
        self.expected = expected
        self.found = found


@dataclass(frozen=True)
class Resource(ABC):
    """A typed declaration of wanted state.

    Subclasses are frozen dataclasses of JSON-like fields (str, int, bool, None, bytes, Secret,
    Blob and tuples or mappings of them), named ``kind``, with the field(s) that identify one in
    ``key``.  ``verbs`` are what a notification may ask for.  ``disturbs`` names the observations
    (``System.observe``) that a change of this kind makes stale; ``None`` means all of them.
    ``verbs`` go from strongest to weakest: performing one answers those after it.
    """

    kind: ClassVar[str] = ""
    verbs: ClassVar[Tuple[str, ...]] = ()
    disturbs: ClassVar[Optional[FrozenSet[str]]] = None
    together: ClassVar[bool] = False  # whether ``prefetch`` does anything

    @property
    def key(self) -> str:
        """What tells two of this kind apart: a path, a name."""
        return str(next(iter(vars(self).values())))  # the first field: asked for very often

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.key}"

    def validate(self) -> None:  # noqa: B027 - a hook that most types do without
        """Raise ``Invalid`` for a declaration that can never be right.  Pure."""

    def claims(self) -> Sequence[Claim]:
        """What of the machine's files this declaration manages; two in a plan may not meet."""
        return ()

    @abstractmethod
    def wanted(self) -> Optional[State]:
        """The state this declares.  Pure."""

    @classmethod  # noqa: B027 - a hook that most types do without
    def prefetch(cls, system: System, resources: Sequence[Any]) -> None:
        """Observe neighbours of this kind in one exchange, for ``found`` to use."""

    @abstractmethod
    def found(self, system: System) -> Optional[State]:
        """The state there is now.  Reads only."""

    @abstractmethod
    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        """Make ``keys`` of the state as wanted.  Raises ``StepFailed``."""

    def perform(self, system: System, verb: str) -> None:
        """Answer a notification.  ``verb`` is one of ``verbs``; a type without any has none."""
        raise ValueError(f"{self.kind} has no verb {verb}")

    def answered_by(self, found: Optional[State], fixed: FrozenSet[str]) -> FrozenSet[str]:
        """Verbs that fixing the keys ``fixed`` of the state ``found`` has already answered (a start
        is a restart)."""
        return frozenset()

    def reads_back(self) -> bool:
        """Whether ``found`` must equal ``wanted`` after ``fix`` (no: for a command)."""
        return True

    def sensitive(self) -> bool:
        """Whether states of this resource may not be shown."""
        return False

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> Sequence[str]:
        """Lines that tell a person what differs.  Pure; masked by the engine when sensitive."""
        return show_states(found, self.wanted(), keys)


def differing(wanted: Optional[State], found: Optional[State]) -> FrozenSet[str]:
    """The keys that have to be fixed; empty when all is as wanted."""
    if wanted is None:
        return frozenset() if found is None else frozenset({EXISTS})
    if found is None:
        return frozenset({EXISTS}) | {k for k, v in wanted.items() if v is not None}
    return frozenset(k for k, v in wanted.items() if v is not None and found.get(k) != v)


def show_states(found: Optional[State], wanted: Optional[State], keys: FrozenSet[str]) -> List[str]:
    """``key: old -> new`` for each key, long texts as a unified diff."""
    if wanted is None:
        return ["- present"] if found is not None else []
    lines: List[str] = [] if found is not None else ["+ absent -> present"]
    for key in sorted(keys - {EXISTS}):
        old = None if found is None else found.get(key)
        new = wanted.get(key)
        if isinstance(new, str) and ("\n" in new or (isinstance(old, str) and "\n" in old)):
            lines += text_diff(old if isinstance(old, str) else "", new)
        elif found is None:
            lines.append(f"+ {key}: {new}")
        else:
            lines.append(f"~ {key}: {old} -> {new}")
    return lines


def text_diff(old: str, new: str, limit: int = 200) -> List[str]:
    """A unified diff without its file header, cut after ``limit`` lines with a line saying so."""
    import difflib  # only a run that changes a text pays for it

    lines = [
        line.rstrip("\n")
        for line in difflib.unified_diff(old.splitlines(True), new.splitlines(True), n=2)
    ][2:]
    if len(lines) > limit:
        lines = lines[:limit] + [f"... {len(lines) - limit} more lines"]
    return lines
