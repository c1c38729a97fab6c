"""``toque explain``: each level of an attribute."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from .. import bootstrap
from ..cookbooks.explain import Explained
from ..errors import AskedWrongly
from ..fleet.node import Node
from ..fleet.project import Project
from ..node.masking import masker
from ..usecases import explain as usecase
from ..usecases.site import Site
from . import asked
from .asked import json_option, set_option
from .show import printable


@click.command()
@click.argument("key")
@click.argument("target", default="")
@set_option
@json_option
def explain(key: str, target: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Show where the attribute KEY has its value from, on TARGET or on each node.

    KEY is COOKBOOK, or COOKBOOK.NAME, or the beginning of a longer one.  Levels are shown weakest
    first, each with its value and place; the last one, marked *, counts.  Nothing is run.
    """
    project, site = asked.here()
    hide = masker(_known(site))
    run = asked.attributes(settings)
    found = []
    for node in _nodes(project, target):
        keys = usecase.explain(site, node, key, run)
        found.append({"node": node.name, "keys": [hide(_as_json(one)) for one in keys]})
    if as_json:
        asked.tell({"nodes": found})
        return
    for one in found:
        if len(found) > 1:
            click.echo(f"{one['node']}:")
        for shown in one["keys"]:
            _show(shown)


def _known(site: Site) -> dict[str, str]:
    """Secrets to mask; who cannot open them cannot show them."""
    try:
        return site.store.texts()
    except AskedWrongly:
        return {}


def _nodes(project: Project, target: str) -> tuple[Node, ...]:
    """The nodes to explain for; one of the stack alone when the project has none."""
    if target:
        return bootstrap.node_for(project, target)
    return tuple(project.nodes.values()) or (Node(project.stack.name, "", ""),)


def _as_json(one: Explained) -> dict[str, Any]:
    levels = [
        {"level": level.name, "value": level.value, "place": level.place, "wins": level.wins}
        for level in one.levels
    ]
    return {"key": one.key, "value": one.value, "levels": levels}


def _show(one: Mapping[str, Any]) -> None:
    click.echo(printable(one["key"]))
    rows = [(level, json.dumps(level["value"], ensure_ascii=False)) for level in one["levels"]]
    name_width = max(len(level["level"]) for level, _ in rows)
    value_width = min(max(len(value) for _, value in rows), 40)
    for level, value in rows:
        mark = "*" if level["wins"] else " "
        line = f"{mark} {level['level']:<{name_width}}  {value:<{value_width}}  {level['place']}"
        click.echo(printable(line))
