"""A node: one machine and how it is reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ..node.record import dataclass


@dataclass(frozen=True)
class Node:
    """``address`` is ``USER@HOST``, ``HOST``, ``kitchen:NAME`` or ``local``; ``port`` and ``key``
    (an identity file) are for SSH and may be left to the user's own SSH configuration."""

    name: str
    address: str
    layer: str
    port: int | None = None
    key: str | None = None
    sudo: bool = False
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def local(self) -> bool:
        return self.address == "local"

    @property
    def kitchen(self) -> str:
        """The kitchen machine's name, or nothing."""
        return self.address.removeprefix("kitchen:") if self.address.startswith("kitchen:") else ""
