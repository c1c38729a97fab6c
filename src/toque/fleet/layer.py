"""A layer: a kind of node, with the cookbooks that answer each lifecycle event, in order."""

from __future__ import annotations

from dataclasses import dataclass

EVENTS = ("setup", "configure", "deploy", "undeploy", "shutdown")


@dataclass(frozen=True)
class Layer:
    name: str
    setup: tuple[str, ...] = ()
    configure: tuple[str, ...] = ()
    deploy: tuple[str, ...] = ()
    undeploy: tuple[str, ...] = ()
    shutdown: tuple[str, ...] = ()

    def cookbooks(self, event: str) -> tuple[str, ...]:
        """The names of the cookbooks whose recipe for ``event`` runs."""
        found: tuple[str, ...] = getattr(self, event)
        return found
