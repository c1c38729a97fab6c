"""``toque plan`` and ``toque converge``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..errors import AskedWrongly
from ..fleet.project import Project
from ..node.wire import report_json
from ..usecases import savedplan
from ..usecases import setup as usecase
from ..usecases.place import Place
from ..usecases.setup import Planned
from . import asked
from .asked import json_option, verbose_option
from .show import Shown


@click.command()
@click.argument("target", default="")
@click.argument("recipes", nargs=-1)
@click.option("--event", default="setup", show_default=True, help="Which recipes of the layer.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Save the plan.")
@verbose_option
@json_option
def plan(
    *,
    target: str,
    recipes: tuple[str, ...],
    event: str,
    out: Path | None,
    verbose: bool,
    as_json: bool,
) -> None:
    """Show exactly what converge would change on TARGET; changes nothing.

    Recipes are COOKBOOK or COOKBOOK::EVENT; without any, those of the node's layer.
    """
    project, site = asked.here()
    found: list[dict[str, Any]] = []
    for place in asked.places(project, target):
        with Shown(quiet=as_json, verbose=verbose) as shown:
            planned = usecase.plan(site, place, event=event, only=recipes, watch=shown)
            shown.summary(place.node.name, planned.report)
            shown.line(f"  plan {planned.digest[:16]}")
        name = place.node.name if place.node.name in project.nodes else place.node.address
        found.append(savedplan.as_json(place.node, name, planned))
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
@verbose_option
@json_option
def converge(
    *,
    target: str,
    recipes: tuple[str, ...],
    event: str,
    saved: Path | None,
    verbose: bool,
    as_json: bool,
) -> None:
    """Bring TARGET to the state that its recipes declare.

    Recipes are COOKBOOK or COOKBOOK::EVENT; without any, those of the node's layer.
    """
    project, site = asked.here()
    if saved is not None and recipes:
        raise AskedWrongly(
            "plan-and-recipes",
            "a saved plan and recipes were given",
            expected="one of them: the plan says what is run",
            found=" ".join(recipes),
        )
    if saved is None:
        work: list[tuple[Place, Planned | None]] = [
            (place, None) for place in asked.places(project, target)
        ]
    else:
        work = planned_work(project, savedplan.load(saved), target)
    found = []
    for place, planned in work:
        with Shown(quiet=as_json, verbose=verbose) as shown, asked.stoppable() as stop:
            if planned is None:
                report = usecase.setup(
                    site, place, event=event, only=recipes, watch=shown, stop=stop
                )
            else:
                report = usecase.agreed(site, place, planned, watch=shown, stop=stop)
            shown.summary(place.node.name, report)
        found.append({"node": place.node.name, "report": report_json(report)})
    if as_json:
        asked.tell({"nodes": found})


def planned_work(
    project: Project, plans: Mapping[str, Planned], target: str
) -> list[tuple[Place, Planned | None]]:
    """The nodes of a saved plan, or those of them that TARGET means, each with its plan."""
    places = {name: place for name in plans for place in asked.places(project, name)}
    wanted = {place.node.name for place in asked.places(project, target)} if target else None
    work: list[tuple[Place, Planned | None]] = [
        (place, plans[name])
        for name, place in places.items()
        if wanted is None or place.node.name in wanted
    ]
    if not work:
        raise AskedWrongly(
            "plan-of-another-node",
            f"the saved plan is not for {target}",
            expected=f"one of {', '.join(places)}",
            found=target,
        )
    return work
