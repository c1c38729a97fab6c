"""What an attribute is on a node, and who says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..cookbooks import load
from ..cookbooks.explain import Explained, explain_cookbook
from ..cookbooks.inputs import Inputs
from ..errors import AskedWrongly, nearest
from ..fleet.node import Node
from .apart import Apart
from .definitions import definitions
from .lifecycle import names_around
from .site import Site


def explain(
    site: Site,
    node: Node,
    key: str,
    run: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Explained, ...]:
    """The attributes that ``key`` names: a cookbook, or the beginning of a dotted key in one.

    Raises ``AskedWrongly``: ``unknown-cookbook``, ``unknown-key``, and what is wrong with a value.
    """
    project = site.project
    name, _, _ = key.partition(".")
    layers = project.attributes_for(node, run)
    around = names_around(project, node)
    defined = definitions(site)
    if defined.apart:
        every = Apart(site, defined, (), around).explained(name, Inputs(layers=layers))
    else:
        loaded = load.load_sources(defined.sources)
        every = explain_cookbook(name, around, layers, loaded)
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
