"""What an attribute is on a node, and who says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..cookbooks import load
from ..cookbooks.explain import Explained
from ..cookbooks.explain import explain as of_cookbook
from ..cookbooks.sets import layers_of
from ..errors import AskedWrongly, nearest
from ..fleet.node import Node
from ..fleet.project import Project
from .lifecycle import around_of, check_tables


def explain(
    project: Project,
    node: Node,
    key: str,
    run: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Explained, ...]:
    """The attributes that ``key`` names: a cookbook, or the beginning of a dotted key in one.

    Raises ``AskedWrongly``: ``unknown-cookbook``, ``unknown-key``, and what is wrong with a value.
    """
    loaded = load.load_paths(project.cookbooks)
    name, _, _ = key.partition(".")
    cookbook = load.find(name, loaded)
    layers = (
        *layers_of(around_of(project, node, loaded)),
        *project.attributes_for(node, run),
    )
    check_tables(layers, loaded)
    every = of_cookbook(cookbook.attributes, name, layers) if cookbook.attributes else ()
    chosen = tuple(one for one in every if f"{one.key}.".startswith(f"{key}."))
    if not chosen:
        raise _unknown(key, [one.key for one in every])
    return chosen


def _unknown(key: str, known: Sequence[str]) -> AskedWrongly:
    return AskedWrongly(
        "unknown-key",
        f"there is no attribute '{key}'",
        expected=f"one of {', '.join(known)}" if known else "a cookbook that has attributes",
        found=key,
        hint=nearest(key, known),
    )
