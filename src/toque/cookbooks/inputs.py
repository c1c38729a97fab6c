"""All that a recipe may look at, as one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..fleet.app import App
from ..fleet.attribute_layer import AttributeLayer
from ..fleet.balanced import Balanced
from ..fleet.environment import Environment
from ..fleet.release import Release
from ..fleet.source import Source
from ..node.model import Facts
from ..node.values import Blob
from .cookbook import Cookbook


@dataclass(frozen=True)
class Inputs:
    """``layers`` are weakest first, and stronger than what cookbooks set of one another: the
    running ones and those ``around`` them (the others of the node's layer).

    ``balanced`` are the apps of other nodes that this one passes visitors on to; ``balancers`` the
    addresses before each app of this node, by its name.
    ``app`` and ``release`` are set in deploy events only.  ``environments`` is by app name;
    ``secrets`` maps a secret's name to its text and is never shown.  ``source`` is how the
    release's code reaches the node; ``uv`` the program that builds virtual environments there.
    """

    node: str = ""
    stack: str = ""
    facts: Facts = field(default_factory=Facts)
    layers: Sequence[AttributeLayer] = ()
    around: Sequence[Cookbook] = ()
    apps: Sequence[App] = ()
    balanced: Sequence[Balanced] = ()
    balancers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    app: App | None = None
    release: Release | None = None
    source: Source | None = None
    uv: Blob | None = None
    environments: Mapping[str, Environment] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    limit_s: float = 30.0
