"""One line in a file that belongs to somebody else."""

import re
from typing import Any, ClassVar, Dict, FrozenSet, List, Optional, Sequence, Tuple, Union

from .. import checked, foreign
from ..claim import Claim
from ..errors import NotReady
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System
from ..values import Secret
from .directory import valid_path


@dataclass(frozen=True)
class Line(Resource):
    """One line of a file whose other lines are not ours: they stay byte for byte, as do the
    file's owner and mode.

    The line is the one that equals ``line``, or that the regular expression ``match`` finds
    (``re.search``, without the end of the line).  When there is none, ``line`` is added: behind
    the last line that the expression ``after`` finds, or ahead of the first that ``before`` finds,
    else at the end.  When there is one, it becomes ``line``, where it stands.  More than one is
    refused with their numbers, unless all are ``line`` already: nobody can say which one counts.

    ``absent=True`` removes every such line.  ``check`` is as for ``File``.  A line that is a
    ``Secret`` is never shown and needs ``match``.  The file has to be there:
    ``File(path, "", create_only=True)`` makes an empty one.
    """

    path: str
    line: Union[str, Secret] = ""
    match: str = ""
    after: str = ""
    before: str = ""
    absent: bool = False
    check: Tuple[str, ...] = ()
    kind: ClassVar[str] = "line"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"files"})

    @property
    def key(self) -> str:
        return f"{self.path}:{self.match or self.line}"

    def validate(self) -> None:
        valid_path("path", self.path)
        foreign.valid_expression("match", self.match)
        foreign.valid_anchors(self.after, self.before)
        text = self._text()
        if not text and not (self.absent and self.match):
            raise Invalid("line", "a line of text", text)
        if any(c in text for c in "\n\r\0"):
            raise Invalid("line", "one line, without its end", "more than one line")
        if isinstance(self.line, Secret) and not self.match:
            raise Invalid("match", "an expression that finds the line without its secret", "")
        if self.absent and self.match and text:
            raise Invalid("match", "either line or match for what is to be absent", self.match)

    def claims(self) -> Sequence[Claim]:
        return (Claim(self.path, part=True),)

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        state: Dict[str, Any] = {"line": self._text()}
        if checked.in_place(self.check):
            state["checked"] = True
        return state

    def found(self, system: System) -> Optional[State]:
        if self.absent and system.stat(self.path) is None:
            return None
        lines = foreign.lines_of(system, self.path)
        ours = [foreign.text_of(lines[number]) for number in self._ours(lines)]
        state: Dict[str, Any] = {}
        if checked.in_place(self.check):
            state["checked"] = not checked.pending(system, self.path)
        if self.absent:
            return {"lines": tuple(ours), **state} if ours else None
        if not ours:
            foreign.position(self.path, lines, self.after, self.before)  # a plan says so too
            return {"line": None, **state}
        return {"line": ours[0], **state}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        lines = foreign.lines_of(system, self.path)
        ours = self._ours(lines)
        if self.absent:
            lines = [line for number, line in enumerate(lines) if number not in ours]
        elif not ours:
            at = foreign.position(self.path, lines, self.after, self.before)
            lines = foreign.insert(lines, at, foreign.encoded(self._text(), lines))
        else:
            for number in ours:
                end = lines[number][len(lines[number].rstrip(b"\r\n")) :]
                (new,) = foreign.encoded(self._text(), ())
                lines[number] = new[:-1] + end
        foreign.rewrite(system, self.path, lines, self.check)

    def sensitive(self) -> bool:
        return isinstance(self.line, Secret)

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> Sequence[str]:
        if self.absent:
            return [f"- {line}" for line in (found or {}).get("lines", ())]
        old = (found or {}).get("line")
        removed = [] if old is None else [f"- {old}"]
        return [*removed, f"+ {self._text()}"] if "line" in keys else ["~ checked: False -> True"]

    def _text(self) -> str:
        return self.line.reveal() if isinstance(self.line, Secret) else self.line

    def _ours(self, lines: Sequence[bytes]) -> List[int]:
        """The indexes of the line that is managed.  Raises ``NotReady("line-ambiguous")``."""
        text = self._text()
        texts = [foreign.text_of(line) for line in lines]
        ours = [
            number
            for number, there in enumerate(texts)
            if (text and there == text) or (self.match and re.search(self.match, there))
        ]
        if len(ours) > 1 and not self.absent and any(texts[number] != text for number in ours):
            raise NotReady(
                "line-ambiguous",
                f"{len(ours)} lines of {self.path} could be the one to manage",
                expected="one line, or none",
                found="lines " + ", ".join(str(number + 1) for number in ours[:10]),
                hint="give a match that finds one of them, or remove the others with absent=True",
            )
        return ours
