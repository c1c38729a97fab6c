"""A layer: a kind of node, with the cookbooks that answer each lifecycle event, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ..node.record import dataclass

EVENTS = ("setup", "configure", "deploy", "undeploy", "shutdown")


@dataclass(frozen=True)
class Layer:
    """``attributes`` are settings of cookbooks on all its nodes, tables by cookbook."""

    name: str
    setup: tuple[str, ...] = ()
    configure: tuple[str, ...] = ()
    deploy: tuple[str, ...] = ()
    undeploy: tuple[str, ...] = ()
    shutdown: tuple[str, ...] = ()
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def cookbooks(self, event: str) -> tuple[str, ...]:
        """The names of the cookbooks whose recipe for ``event`` runs."""
        found: tuple[str, ...] = getattr(self, event)
        return found
