"""One layer of attributes: tables by cookbook name, and where they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ..node.record import dataclass
from .spot import Spot


@dataclass(frozen=True)
class AttributeLayer:
    """``name`` is stack, layer NAME, node NAME, run or cookbook NAME; later layers win.

    ``spot`` is the table of tables.
    """

    name: str
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    spot: Spot = field(default_factory=lambda: Spot("the command line"))
