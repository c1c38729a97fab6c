"""``toque drift``."""

from __future__ import annotations

from typing import Any

import click

from ..node.model import Report
from ..node.wire import report_json
from ..usecases import setup as usecase
from ..usecases.abreast import Here
from ..usecases.place import Place
from . import asked, nodes
from .asked import json_option, verbose_option
from .show import Shown


@click.command()
@click.argument("target", default="")
@click.argument("recipes", nargs=-1)
@click.option("--event", default="setup", show_default=True, help="Which converge to compare with.")
@click.option("--undo", is_flag=True, help="Put back what differs.")
@verbose_option
@json_option
def drift(
    *,
    target: str,
    recipes: tuple[str, ...],
    event: str,
    undo: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """List what differs on TARGET from what its last converge made; changes nothing.

    It is the plan of that converge that is compared, so a cookbook that was edited since makes no
    difference (toque plan shows that).  Steps that leave no state are left out, such as commands
    that do not say what shows that they were done.  Recipes are those of that converge, when it
    was given any.
    """
    project, site = asked.here()

    def compare(place: Place, shown: Shown, here: Here) -> Report:
        report = usecase.drift(
            site, place, event=event, only=recipes, undo=undo, watch=shown, stop=stop, here=here
        )
        shown.summary(place.node.name, report)
        return report

    places = asked.places(project, target)
    with asked.stoppable() as stop:
        found = nodes.each(places, compare, entry, under="nodes", verbose=verbose, as_json=as_json)
    if as_json:
        asked.tell({"nodes": found})


def entry(place: Place, report: Report) -> dict[str, Any]:
    drifted = [outcome.step for outcome in report.outcomes if outcome.keys]
    return {"node": place.node.name, "drifted": drifted, "report": report_json(report)}
