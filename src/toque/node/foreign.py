"""Text files that belong to somebody else, changed in one place and nowhere else.

Lines are bytes that end with ``\\n``, so whatever a file is written in comes back as it was:
``\\r\\n``, a missing end of the last line, bytes that are no UTF-8.
"""

import re
from typing import List, Sequence

from . import checked
from .errors import NotReady, StepFailed
from .resource import Invalid
from .system import System


def lines_of(system: System, path: str) -> List[bytes]:
    """The lines of a file, each with its end.  Raises ``NotReady("file-missing")``."""
    there = system.stat(path)
    if there is None:
        raise NotReady(
            "file-missing",
            f"there is no file {path} to change",
            expected="a file that a package or an earlier step makes",
            hint=f'to begin with an empty one, add File("{path}", "", create_only=True) before',
        )
    if there.kind != "file":
        raise StepFailed(
            "wrong-kind",
            f"{path} is not a file",
            expected="a file",
            found=f"a link to {there.target}" if there.kind == "link" else f"a {there.kind}",
            hint=f"look at it with: ls -ld {path}",
        )
    return re.findall(rb"[^\n]*\n|[^\n]+", system.read(path))


def text_of(line: bytes) -> str:
    """A line without its end, as expressions see it."""
    return line.rstrip(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")


def encoded(text: str, lines: Sequence[bytes]) -> List[bytes]:
    """``text`` as lines that end as those of this file do."""
    end = b"\r\n" if lines and lines[0].endswith(b"\r\n") else b"\n"
    return [line.encode("utf-8", "surrogateescape") + end for line in text.split("\n")]


def insert(lines: Sequence[bytes], at: int, new: Sequence[bytes]) -> List[bytes]:
    """``lines`` with ``new`` before index ``at``; a last line without its end is given one."""
    before = list(lines[:at])
    if before and not before[-1].endswith(b"\n"):
        before[-1] += b"\r\n" if new[0].endswith(b"\r\n") else b"\n"
    return [*before, *new, *lines[at:]]


def position(path: str, lines: Sequence[bytes], after: str, before: str) -> int:
    """Where a new line goes: behind the last one that ``after`` finds, or ahead of the first one
    that ``before`` finds, else at the end.  Raises ``NotReady("anchor-missing")``."""
    anchor = after or before
    if not anchor:
        return len(lines)
    found = [number for number, line in enumerate(lines) if re.search(anchor, text_of(line))]
    if not found:
        raise NotReady(
            "anchor-missing",
            f"no line of {path} matches {anchor!r}, so there is no place for the new one",
            expected=f"a line that matches {anchor!r}",
            found=f"{len(lines)} other lines",
            hint=f"look at it with: grep -nP {anchor!r} {path}",
        )
    return found[-1] + 1 if after else found[0]


def rewrite(system: System, path: str, lines: Sequence[bytes], check: Sequence[str]) -> None:
    """Replace the file, with the owner and mode that it has."""
    there = system.stat(path)
    if there is None:
        raise NotReady("file-missing", f"{path} went away meanwhile")
    checked.replace(
        system,
        path,
        b"".join(lines),
        owner=there.owner,
        group=there.group,
        mode=there.mode,
        check=check,
    )


def valid_expression(field: str, expression: str) -> None:
    """Raise ``Invalid`` unless Python reads this as a regular expression that means something."""
    if not expression:
        return
    try:
        empty = re.search(expression, "") is not None
    except re.error as error:
        raise Invalid(field, f"a regular expression ({error})", expression) from error
    if empty:
        raise Invalid(field, "an expression that does not find the empty line too", expression)


def valid_anchors(after: str, before: str) -> None:
    valid_expression("after", after)
    valid_expression("before", before)
    if after and before:
        raise Invalid("before", "either after or before", before)
