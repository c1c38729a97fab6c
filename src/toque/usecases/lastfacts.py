"""What a node was when it was last asked, so that its plan can be made while it is connected to.

A plan that was made from these is only used when the node then tells the very same facts.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from ..node.model import Facts
from ..node.wire import facts_from

FOLDER = "facts"


def recall(state: Path, node: str) -> Facts | None:
    """The facts of last time; None when there are none, or of another shape.

    ``state`` is a private directory.
    """
    try:
        return facts_from(json.loads((state / FOLDER / f"{node}.json").read_text("ascii")))
    except (OSError, ValueError, TypeError):
        return None


def remember(state: Path, node: str, facts: Facts) -> None:
    """Keep them for the next run.  A state that cannot be written to is no reason to fail."""
    folder = state / FOLDER
    staged = folder / f"{node}.{os.getpid()}"
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        staged.write_text(json.dumps(asdict(facts)), encoding="ascii")
        staged.replace(folder / f"{node}.json")
    except OSError:
        with suppress(OSError):
            staged.unlink()
