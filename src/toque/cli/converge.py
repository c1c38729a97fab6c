"""``toque plan`` and ``toque converge``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..errors import AskedWrongly
from ..fleet.project import Project
from ..node.model import Report
from ..node.wire import report_json
from ..usecases import savedplan
from ..usecases import setup as usecase
from ..usecases.abreast import Here
from ..usecases.place import Place
from ..usecases.setup import Planned
from . import asked, nodes
from .asked import json_option, set_option, verbose_option
from .show import Shown


@click.command()
@click.argument("target", default="")
@click.argument("recipes", nargs=-1)
@click.option("--event", default="setup", show_default=True, help="Which recipes of the layer.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Save the plan.")
@set_option
@verbose_option
@json_option
def plan(
    *,
    target: str,
    recipes: tuple[str, ...],
    event: str,
    out: Path | None,
    settings: tuple[str, ...],
    verbose: bool,
    as_json: bool,
) -> None:
    """Show exactly what converge would change on TARGET; changes nothing.

    Recipes are COOKBOOK or COOKBOOK::EVENT; without any, those of the node's layer.
    """
    project, site = asked.here()
    attributes = asked.attributes(settings)

    def look(place: Place, shown: Shown, here: Here) -> Planned:
        planned = usecase.plan(
            site,
            place,
            event=event,
            only=recipes,
            attributes=attributes,
            watch=shown,
            here=here,
        )
        shown.summary(place.node.name, planned.report)
        lock = planned.made_from.get("lock")
        shown.line(f"  plan {planned.digest[:16]}" + (f"  of lock {lock}" if lock else ""))
        return planned

    def entry(place: Place, planned: Planned) -> dict[str, Any]:
        name = place.node.name if place.node.name in project.nodes else place.node.address
        return savedplan.as_json(place.node, name, planned)

    places = asked.places(project, target)
    found = nodes.each(places, look, entry, under="plans", verbose=verbose, as_json=as_json)
    if out is not None:
        savedplan.save(out, found)
    if as_json:
        asked.tell({"plans": found})


@click.command()
@click.argument("target", default="")
@click.argument("recipes", nargs=-1)
@click.option("--event", default="setup", show_default=True, help="Which recipes of the layer.")
@click.option(
    "--plan",
    "saved",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Apply the plan that toque plan --out saved, on nodes that have not moved since.",
)
@set_option
@verbose_option
@json_option
def converge(
    *,
    target: str,
    recipes: tuple[str, ...],
    event: str,
    saved: Path | None,
    settings: tuple[str, ...],
    verbose: bool,
    as_json: bool,
) -> None:
    """Bring TARGET to the state that its recipes declare.

    Recipes are COOKBOOK or COOKBOOK::EVENT; without any, those of the node's layer.
    """
    project, site = asked.here()
    if saved is not None and (recipes or settings):
        raise AskedWrongly(
            "plan-and-recipes",
            f"a saved plan and {'recipes' if recipes else 'attributes'} were given",
            expected="one of them: the plan says what is run",
            found=" ".join(recipes or settings),
            hint="toque converge --plan FILE",
        )
    attributes = asked.attributes(settings)
    if saved is None:
        work: Mapping[str, tuple[Place, Planned | None]] = {
            place.node.name: (place, None) for place in asked.places(project, target)
        }
    else:
        work = planned_work(project, savedplan.load(saved), target)

    def make(place: Place, shown: Shown, here: Here) -> Report:
        planned = work[place.node.name][1]
        if planned is None:
            report = usecase.setup(
                site,
                place,
                event=event,
                only=recipes,
                attributes=attributes,
                watch=shown,
                stop=stop,
                here=here,
            )
        else:
            report = usecase.agreed(site, place, planned, watch=shown, stop=stop, here=here)
        shown.summary(place.node.name, report)
        return report

    places = [place for place, _ in work.values()]
    with asked.stoppable() as stop:
        found = nodes.each(places, make, entry, under="nodes", verbose=verbose, as_json=as_json)
    if as_json:
        asked.tell({"nodes": found})


def entry(place: Place, report: Report) -> dict[str, Any]:
    return {"node": place.node.name, "report": report_json(report)}


def planned_work(
    project: Project, plans: Mapping[str, Planned], target: str
) -> Mapping[str, tuple[Place, Planned | None]]:
    """The nodes of a saved plan, or those of them that TARGET means, each with its plan."""
    places = {name: place for name in plans for place in asked.places(project, name)}
    wanted = {place.node.name for place in asked.places(project, target)} if target else None
    work: dict[str, tuple[Place, Planned | None]] = {
        place.node.name: (place, plans[name])
        for name, place in places.items()
        if wanted is None or place.node.name in wanted
    }
    if not work:
        raise AskedWrongly(
            "plan-of-another-node",
            f"the saved plan is not for {target}",
            expected=f"one of {', '.join(places)}",
            found=target,
            hint=f"toque plan {target} --out FILE",
        )
    return work
