"""What a cycle of the kitchen works with, and what its converge comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..fleet.node import Node
from ..fleet.project import Project
from ..kitchen.api import Kitchen
from ..kitchen.instance import Instance
from ..kitchen.outcome import Result
from ..kitchen.verify import USUAL, Limits
from ..node.model import Report
from .converge import Stop, Watch
from .place import Place
from .site import Site


@dataclass(frozen=True)
class Means:
    """What a cycle works with.  ``say`` is told each move, ``watch`` the events of each run,
    ``summed`` how one ended, ``judged`` how the checks of an instance went; ``stoppable`` holds
    what may ask a run to stop; ``limits`` are those of checks."""

    kitchen: Kitchen
    environ: Mapping[str, str]
    open_site: Callable[[Project], Site]
    connect: Callable[[Node, Path], Place]
    say: Callable[[str], None]
    watch: Watch
    summed: Callable[[str, Report], None]
    stoppable: Callable[[], AbstractContextManager[Stop]]
    judged: Callable[[Instance, Result], None] = lambda instance, result: None
    limits: Limits = USUAL


@dataclass(frozen=True)
class Converged:
    """``changed`` steps of all events on all machines."""

    changed: int = 0
    reports: tuple[Mapping[str, Any], ...] = ()
