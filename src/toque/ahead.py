"""Connecting before the command line is even read.

Connecting to a node is most of what a short run takes, and reading the command line and importing
what it asks for is most of the rest.  Where the first words alone tell which nodes are meant, ssh
is started for them at once, and both go on side by side.

It is a guess: when something is wrong, nothing happens here, and whoever does it properly says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .errors import ToqueError
from .node.record import dataclass, field
from .redial import Redialled, target_of

if TYPE_CHECKING:
    from .fleet.project import Project
    from .usecases.place import Place


@dataclass(frozen=True)
class Ahead:
    """The project, when it was opened already, and the ways to those of its nodes that were."""

    project: Project | None = None
    places: Mapping[str, Place] = field(default_factory=dict)


def begin(arguments: Sequence[str], calls: Redialled) -> Ahead:
    """Start connecting to the nodes that a command line names, if it plainly does.

    Those that ``calls`` connects to already are gone on with.
    """
    target = target_of(arguments)
    if not target:
        return Ahead()
    from . import bootstrap
    from .usecases.abreast import MOST  # those of further nodes start when their turn comes

    places: dict[str, Place] = {}
    try:
        project = bootstrap.open_project()
        for node in bootstrap.node_for(project, target)[:MOST]:
            places[node.name] = bootstrap.connect(node, project.directory, dial=calls)
        calls.settle()
    except ToqueError:
        calls.leave()
        return Ahead()
    return Ahead(project, places)
