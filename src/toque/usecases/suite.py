"""A kitchen suite as a project of its own: the same definitions, on throwaway machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..cookbooks.load import names_in
from ..errors import AskedWrongly, nearest
from ..fleet.layer import Layer
from ..fleet.node import Node
from ..fleet.project import Project, load_project
from ..fleet.stack import Stack
from ..kitchen.instance import Instance, Member

LAYER = "kitchen"


def project_of(instance: Instance) -> Project:
    """What the instance runs, with its machines as the only nodes.

    A suite that names a ``project`` takes its layers, apps and attributes from that
    ``toque.toml``, so nothing is said twice; one that does not runs the cookbooks beside its
    ``kitchen.toml``.
    """
    project = _own(instance) if instance.project is None else load_project(instance.project)
    nodes = [_node(instance, member, project.layers) for member in instance.members]
    return replace(project, nodes={node.name: node for node in nodes})


def _own(instance: Instance) -> Project:
    cookbooks = names_in(instance.folder)
    runs: dict[str, Any] = dict.fromkeys(instance.run, cookbooks)
    return Project(
        stack=Stack(name="kitchen"),
        layers={LAYER: Layer(LAYER, **runs)},
        nodes={},
        apps={},
        cookbooks=(instance.folder,),
        directory=instance.folder,
    )


def _node(instance: Instance, member: Member, layers: Mapping[str, Layer]) -> Node:
    """A machine as a node.  It has the name that the suite gives it, so that the cookbooks'
    settings can speak of it; an only one has its machine's name."""
    name = member.layer or next(iter(layers), "")
    if name not in layers:
        file = instance.project.name if instance.project else "its folder"
        raise AskedWrongly(
            "unknown-layer",
            f"suite {instance.suite} asks for a layer that {file} does not have",
            expected=f"one of {', '.join(layers)}" if layers else "a layer",
            found=name or "none",
            hint=nearest(name, layers),
        )
    return Node(
        member.name or member.machine,
        f"kitchen:{member.machine}",
        name,
        attributes=member.attributes,
    )
