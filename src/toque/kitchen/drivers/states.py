"""The states of a machine that is an overlay: each one the files that had changed until then.

    folder/upper                    what has changed since the newest of these states, or ever
    folder/below.json               the states that ``upper`` stands on, the newest first
    folder/snapshots/NAME/tree      what ``upper`` was when the state was kept
    folder/snapshots/NAME/below.json

Keeping a state moves ``upper`` away and copies nothing.  It is done in steps of which each leaves
enough to go on or back from: ``mend`` does, before the tree is mounted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ..process import tool
from ..state import replace

BELOW = "below.json"
PARTIAL = "partial_"  # no state's name has an underscore


def names(folder: Path) -> list[str]:
    """The states of the machine in ``folder``, the oldest first."""
    there = [place for place in (folder / "snapshots").glob("*") if PARTIAL not in place.name]
    return [place.name for place in sorted(there, key=lambda place: place.stat().st_mtime_ns)]


def trees(folder: Path) -> list[Path]:
    """The read-only layers that ``upper`` stands on, the topmost first."""
    return [folder / "snapshots" / name / "tree" for name in _below(folder)]


def keep(folder: Path, name: str) -> None:
    """Make what has changed until now the state ``name``; the tree is not mounted."""
    partial = _partial(folder, name)
    partial.mkdir(parents=True)
    below = _below(folder)
    _write(partial, below)
    (folder / "upper").rename(partial / "tree")
    _write(folder, [name, *below])
    partial.rename(partial.with_name(name))


def go_back(folder: Path, name: str) -> None:
    """Drop what has changed since the state ``name``; the tree is not mounted."""
    for part in ("upper", "work"):
        tool(["rm", "-rf", "--one-file-system", "--", str(folder / part)])
    _write(folder, [name, *_below(folder / "snapshots" / name)])


def mend(folder: Path) -> None:
    """Bring a ``keep`` that was killed to its end, or back to its beginning."""
    for partial in (folder / "snapshots").glob(f"{PARTIAL}*"):
        name = partial.name.removeprefix(PARTIAL)
        if name in _below(folder):
            partial.rename(partial.with_name(name))
        elif (partial / "tree").is_dir():
            (partial / "tree").rename(folder / "upper")
        if partial.is_dir():
            tool(["rm", "-rf", "--one-file-system", "--", str(partial)])


def _partial(folder: Path, name: str) -> Path:
    return folder / "snapshots" / f"{PARTIAL}{name}"


def _below(folder: Path) -> list[str]:
    try:
        found: list[str] = json.loads((folder / BELOW).read_text())
    except FileNotFoundError:
        return []
    return found


def _write(folder: Path, below: Sequence[str]) -> None:
    replace(folder / BELOW, json.dumps(list(below)))
