"""Connecting before the command line is even read.

Connecting to a node is most of what a short run takes, and reading the command line and importing
what it asks for is most of the rest.  Where the first words alone tell which nodes are meant, ssh
is started for them at once, and both go on side by side.

It is a guess: when something is wrong, nothing happens here, and whoever does it properly says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ToqueError
from .node.record import dataclass, field
from .redial import Redialled, app_here, target_of

if TYPE_CHECKING:
    from .fleet.node import Node
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
    folder, app = ("", "") if target else app_here(arguments)
    if not target and not folder:
        return Ahead()
    from . import bootstrap
    from .usecases.abreast import MOST  # those of further nodes start when their turn comes

    places: dict[str, Place] = {}
    try:
        project = bootstrap.open_project(Path(folder or "."))
        nodes = bootstrap.node_for(project, target) if target else _only_node(project, app)
        for node in nodes[:MOST]:
            places[node.name] = bootstrap.connect(node, project.directory, dial=calls)
        calls.settle()
    except ToqueError:
        calls.leave()
        return Ahead()
    return Ahead(project, places)


def _only_node(project: Project, app: str) -> Sequence[Node]:
    """The node of an app that runs on just one; a deploy to more begins with other things."""
    nodes = project.nodes_of(project.app(app))
    return nodes if len(nodes) == 1 and not project.balancers_of(project.app(app)) else ()
