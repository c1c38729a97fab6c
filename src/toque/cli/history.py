"""``toque history``: what was deployed, by whom, and how it went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ..usecases.afterwards import history_of
from . import asked
from .asked import json_option
from .show import moment, printable


@click.command()
@click.argument("app", default="")
@click.option("--on", "target", default="", help="A node or layer; all nodes of the app otherwise.")
@json_option
def history(app: str, target: str, as_json: bool) -> None:
    """List the deploys of APP, newest last: when, which release, by whom, and how it went.

    Failed ones too, rollbacks, and what a node has put back by itself.  The nodes keep this, so it
    is the same whoever asks; "toque runs show RUN" tells one of them step by step.
    """
    project, _ = asked.here()
    chosen = asked.only_app(project, app)
    found: list[dict[str, Any]] = [
        {"node": place.node.name, "deploys": history_of(place, chosen)}
        for place in asked.app_places(project, chosen, target)
    ]
    if as_json:
        asked.tell({"app": chosen.name, "nodes": found})
        return
    for one in found:
        click.echo(click.style(str(one["node"]), bold=True))
        for entry in one["deploys"]:
            click.echo(printable(f"  {line_of(entry)}"))
        if not one["deploys"]:
            click.echo(f"  no deploy of {chosen.name} is on record")


def line_of(entry: Mapping[str, Any]) -> str:
    """One deploy in one line."""
    at, what, release = (str(entry.get(name, "")) for name in ("at", "what", "release"))
    at = moment(at)
    result = " ".join(str(entry.get(name, "")) for name in ("result", "code")).strip()
    by = f"by {entry.get('who', '')} ({entry.get('trigger', '')})"
    line = f"{at}  {what:<8}  {release}  {float(entry.get('seconds', 0)):5.1f} s  {by}  {result}"
    return f"{line}: {entry['said']}" if entry.get("said") else line
