"""A marked block of lines in a file that belongs to somebody else."""

import re
from typing import Any, ClassVar, Dict, FrozenSet, Optional, Sequence, Tuple, Union

from .. import checked, foreign
from ..claim import Claim
from ..errors import StepFailed
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System
from ..values import Secret
from .directory import valid_path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Block(Resource):
    """Lines between ``# BEGIN toque NAME`` and ``# END toque NAME`` in a file whose other lines
    are not ours: they stay byte for byte, as do the file's owner and mode.

    A new block goes behind the last line that the regular expression ``after`` finds, or ahead of
    the first that ``before`` finds, else to the end; one that is there stays where it is.
    ``comment`` is what begins a comment in that file.  Markers that are there twice, or one
    without the other, are refused.  ``absent=True`` removes the block and its markers.

    ``check`` is as for ``File``.  A text that is a ``Secret`` is never shown.  The file has to be
    there: ``File(path, "", create_only=True)`` makes an empty one.
    """

    path: str
    name: str
    text: Union[str, Secret] = ""
    comment: str = "#"
    after: str = ""
    before: str = ""
    absent: bool = False
    check: Tuple[str, ...] = ()
    kind: ClassVar[str] = "block"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"files"})

    @property
    def key(self) -> str:
        return f"{self.path}:{self.name}"

    def validate(self) -> None:
        valid_path("path", self.path)
        foreign.valid_anchors(self.after, self.before)
        if not _NAME.fullmatch(self.name):
            raise Invalid("name", "letters, digits, dots and dashes", self.name)
        if not self.comment.strip() or any(ord(c) < 32 for c in self.comment):
            raise Invalid("comment", "what begins a comment, such as # or //", self.comment)
        if self.absent and self.text:
            raise Invalid("text", "none for a block that is to be absent", "some text")
        if set(self._markers) & set(self._text().split("\n")) or set("\r\0") & set(self._text()):
            raise Invalid("text", "lines without the block's own markers", "such a line")

    def claims(self) -> Sequence[Claim]:
        return (Claim(self.path, part=True),)

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        state: Dict[str, Any] = {"text": self._text()}
        if checked.in_place(self.check):
            state["checked"] = True
        return state

    def found(self, system: System) -> Optional[State]:
        if self.absent and system.stat(self.path) is None:
            return None
        lines = foreign.lines_of(system, self.path)
        place = self._place(lines)
        if place is None:
            if not self.absent:
                foreign.position(self.path, lines, self.after, self.before)  # a plan says so too
            return None
        inside = lines[place[0] + 1 : place[1] - 1]
        state: Dict[str, Any] = {"text": "".join(foreign.text_of(line) + "\n" for line in inside)}
        if checked.in_place(self.check):
            state["checked"] = not checked.pending(system, self.path)
        return state

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        lines = foreign.lines_of(system, self.path)
        place = self._place(lines)
        if place is None:
            start = foreign.position(self.path, lines, self.after, self.before)
        else:
            start = place[0]
            lines[start : place[1]] = []
        if not self.absent:
            begin, end = self._markers
            block = f"{begin}\n{self._text()}{end}"
            lines = foreign.insert(lines, start, foreign.encoded(block, lines))
        foreign.rewrite(system, self.path, lines, self.check)

    def sensitive(self) -> bool:
        return isinstance(self.text, Secret)

    @property
    def _markers(self) -> Tuple[str, str]:
        return f"{self.comment} BEGIN toque {self.name}", f"{self.comment} END toque {self.name}"

    def _text(self) -> str:
        """The lines of the block, each with its end."""
        text = self.text.reveal() if isinstance(self.text, Secret) else self.text
        return text if not text or text.endswith("\n") else text + "\n"

    def _place(self, lines: Sequence[bytes]) -> Optional[Tuple[int, int]]:
        """From the begin marker to behind the end marker, or None."""
        texts = [foreign.text_of(line) for line in lines]
        begin, end = ([n for n, text in enumerate(texts) if text == m] for m in self._markers)
        if not begin and not end:
            return None
        if len(begin) == len(end) == 1 and begin < end:
            return begin[0], end[0] + 1
        numbers = ", ".join(str(number + 1) for number in sorted(begin + end)[:10])
        raise StepFailed(
            "block-damaged",
            f"the markers of block {self.name} in {self.path} do not enclose one block",
            expected=" and ".join(f"one line '{marker}'" for marker in self._markers),
            found=f"{len(begin)} and {len(end)} of them, in lines {numbers}",
            hint=f"put them right, or remove them, with: editor {self.path}",
        )
