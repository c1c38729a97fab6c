"""What a balancer passes on: an app, and the nodes that serve it."""

from __future__ import annotations

from ..node.record import dataclass
from .app import App


@dataclass(frozen=True)
class Member:
    """A node that serves an app, as a balancer reaches it; ``port`` 0 is the usual one.

    One that is ``out`` gets no new visitors.
    """

    node: str
    address: str
    port: int = 0
    out: bool = False


@dataclass(frozen=True)
class Balanced:
    app: App
    members: tuple[Member, ...]
