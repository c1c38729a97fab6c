"""What a declaration manages among the files of a machine, so that two never fight over one path.

Two steps that manage the same thing undo each other at every converge, for ever, and each is right
by itself.  So a type says what it manages, and a plan in which two claims meet is refused while it
is written.
"""

from .record import dataclass


@dataclass(frozen=True)
class Claim:
    """``path`` is managed: what is there, or that nothing is.

    ``part``: only some lines of the file, or its owner and mode; others may manage other parts.
    ``below``: everything under the directory as well.
    """

    path: str
    part: bool = False
    below: bool = False

    def meets(self, other: "Claim") -> bool:
        """Whether both cannot be in one plan.  Pure; the order does not matter.

        Under a directory that is managed with all below it nobody else manages anything, not even
        a part: the next change of the directory would take that away or count it as a fault.
        """
        if self.path == other.path:
            return not (self.part and other.part)
        return self._covers(other) or other._covers(self)

    def _covers(self, other: "Claim") -> bool:
        return self.below and other.path.startswith(self.path.rstrip("/") + "/")
