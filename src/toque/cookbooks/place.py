"""``file:line`` in an author's own text.  Frames are read for messages only, never for order."""

from __future__ import annotations

import traceback
from functools import lru_cache
from pathlib import Path
from types import FrameType, TracebackType

_OURS = Path(__file__).resolve().parent  # toque/cookbooks


def place_of(frame: FrameType) -> str:
    """Where ``frame`` stands, relative to the folder that holds its top package."""
    return f"{_short(frame.f_code.co_filename)}:{frame.f_lineno}"


def place_in_file(file: str, line: int) -> str:
    return f"{_short(file)}:{line}"


def place_of_traceback(trace: TracebackType | None, root: Path) -> str:
    """The innermost line of the cookbook at ``root``; else the innermost that is not ours."""
    frames = traceback.extract_tb(trace)
    inside = [f for f in frames if Path(f.filename).is_relative_to(root)]
    foreign = [f for f in frames if not Path(f.filename).is_relative_to(_OURS)]
    for choice in (inside, foreign, frames):
        if choice:
            return place_in_file(choice[-1].filename, choice[-1].lineno or 0)
    return ""


def last_lines(error: BaseException, count: int = 8) -> tuple[str, ...]:
    """The end of a traceback without our own frames, oldest first."""
    frames = traceback.extract_tb(error.__traceback__)
    shown = [
        f
        for f in frames
        if not f.filename.startswith("<frozen ") and not Path(f.filename).is_relative_to(_OURS)
    ] or frames
    lines = []
    for frame in shown:
        lines.append(f"{place_in_file(frame.filename, frame.lineno or 0)} in {frame.name}")
        if frame.line:
            lines.append(f"    {frame.line}")
    lines += [line.rstrip("\n") for line in traceback.format_exception_only(error)]
    return tuple(lines[-count:])


@lru_cache(maxsize=1024)
def _short(file: str) -> str:
    path = Path(file)
    if not path.is_absolute():
        return file  # such as <string>
    # Templates, files and own types lie in plain folders of a package.
    top = next((p for p in path.parents if (p / "__init__.py").exists()), path.parent)
    while (top / "__init__.py").exists():
        top = top.parent
    return str(path.relative_to(top))
