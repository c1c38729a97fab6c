"""A node and the way to it, as the use cases see one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from ..fleet.node import Node
from ..node.record import dataclass
from ..ports import Transport


@dataclass(frozen=True)
class Place:
    """``ports`` are those a kitchen machine was given; empty for other nodes.  ``host`` is
    where its visitors find it, as far as we know."""

    node: Node
    transport: Transport
    ports: Mapping[str, int] = field(default_factory=dict)
    host: str = ""
