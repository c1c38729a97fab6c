"""A kitchen suite as a project of its own: the same definitions, on a throwaway machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..errors import AskedWrongly, nearest
from ..fleet.layer import Layer
from ..fleet.node import Node
from ..fleet.project import Project, load_project
from ..fleet.stack import Stack
from ..kitchen.suite import Suite

LAYER = "kitchen"


def project_of(suite: Suite, cookbooks: tuple[str, ...] = ()) -> Project:
    """What the suite runs, with its machine as the only node.

    A suite that names a ``project`` takes its layers, apps and attributes from that
    ``toque.toml``, so nothing is said twice; one that does not runs the cookbooks beside its
    ``kitchen.toml``, named in ``cookbooks``.
    """
    if suite.project is None:
        runs: dict[str, Any] = dict.fromkeys(suite.run, cookbooks)
        layer = Layer(LAYER, **runs)
        node = Node(suite.machine, f"kitchen:{suite.machine}", LAYER, attributes=suite.attributes)
        return Project(
            stack=Stack(name="kitchen"),
            layers={LAYER: layer},
            nodes={node.name: node},
            apps={},
            cookbooks=(suite.folder,),
            directory=suite.folder,
        )
    project = load_project(suite.project)
    layers = project.layers
    name = suite.layer or next(iter(layers), "")
    if name not in layers:
        raise AskedWrongly(
            "unknown-layer",
            f"suite {suite.name} asks for a layer that {suite.project.name} does not have",
            expected=f"one of {', '.join(layers)}" if layers else "a layer",
            found=name or "none",
            hint=nearest(name, layers),
        )
    node = Node(suite.machine, f"kitchen:{suite.machine}", name, attributes=suite.attributes)
    return replace(project, nodes={node.name: node})
