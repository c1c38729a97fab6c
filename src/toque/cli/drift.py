"""``toque drift``."""

from __future__ import annotations

import click

from ..node.wire import report_json
from ..usecases import setup as usecase
from . import asked
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
    difference (toque plan shows that).  Commands and other steps without a state are left out.
    Recipes are those of that converge, when it was given any.
    """
    project, site = asked.here()
    found = []
    for place in asked.places(project, target):
        with Shown(quiet=as_json, verbose=verbose) as shown, asked.stoppable() as stop:
            report = usecase.drift(
                site, place, event=event, only=recipes, undo=undo, watch=shown, stop=stop
            )
            shown.summary(place.node.name, report)
        drifted = [o.step for o in report.outcomes if o.keys]
        found.append({"node": place.node.name, "drifted": drifted, "report": report_json(report)})
    if as_json:
        asked.tell({"nodes": found})
