"""A stack: everything that is run together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ..node.record import dataclass


@dataclass(frozen=True)
class Stack:
    """``cookbooks`` are directories, relative to the file that names them; ``untrusted`` those
    whose code is somebody else's, so that recipes are compiled in a process of their own."""

    name: str
    cookbooks: tuple[str, ...] = ()
    untrusted: tuple[str, ...] = ()
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
