"""Connecting before the command line is even read.

Connecting to a node is most of what a short run takes, and reading the command line and importing
what it asks for is most of the rest.  Where the first words alone tell which nodes are meant, ssh
is started for them at once, and both go on side by side.

It is a guess: when something is wrong, nothing happens here, and whoever does it properly says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from .errors import ToqueError
from .node.record import dataclass

if TYPE_CHECKING:
    from .fleet.project import Project
    from .usecases.place import Place

COMMANDS = ("converge", "drift", "plan", "setup", "up")  # followed by TARGET; sure to connect


@dataclass(frozen=True)
class Ahead:
    """The project, when it was opened already, and the ways to those of its nodes that were."""

    project: Project | None = None
    places: Mapping[str, Place] = field(default_factory=dict)


def begin(arguments: Sequence[str]) -> Ahead:
    """Start connecting to the nodes that a command line names, if it plainly does."""
    if len(arguments) < 2 or arguments[0] not in COMMANDS or {"-h", "--help"} & {*arguments}:
        return Ahead()
    from . import bootstrap
    from .usecases.abreast import MOST  # those of further nodes start when their turn comes

    places: dict[str, Place] = {}
    try:
        project = bootstrap.open_project()
        for node in bootstrap.node_for(project, arguments[1])[:MOST]:
            places[node.name] = bootstrap.connect(node, project.directory, dial=True)
    except ToqueError:
        return Ahead()
    return Ahead(project, places)
