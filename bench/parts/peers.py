"""Other tools on the same machine and work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from .machine import Bench, Cost

NAMES = ()


def ready(
    wanted: Sequence[str], bench: Bench, directory: Path, say: Callable[[str], None]
) -> dict[str, Callable[[], Cost]]:
    """The tools that could be set up, each as a function that runs it once."""
    return {}
