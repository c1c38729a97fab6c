"""``toque plan``, ``toque converge``, ``toque runs``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .. import bootstrap
from ..errors import AskedWrongly
from ..node.wire import plan_json, report_json
from ..usecases import converge as carry
from ..usecases import setup as usecase
from . import asked
from .asked import json_option, verbose_option
from .show import Shown, printable


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
        found.append(
            {
                "node": place.node.name,
                "digest": planned.digest,
                "plan": plan_json(planned.plan),
                "report": report_json(planned.report),
            }
        )
    if out is not None:
        import json

        try:
            out.write_text(json.dumps({"plans": found}, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise AskedWrongly(
                "file-unwritable",
                "the plan cannot be saved there",
                expected="a path in a folder that is there and may be written to",
                found=f"{out}: {error.strerror}",
            ) from error
    if as_json:
        asked.tell({"plans": found})


@click.command()
@click.argument("target", default="")
@click.argument("recipes", nargs=-1)
@click.option("--event", default="setup", show_default=True, help="Which recipes of the layer.")
@verbose_option
@json_option
def converge(
    target: str, recipes: tuple[str, ...], event: str, verbose: bool, as_json: bool
) -> None:
    """Bring TARGET to the state that its recipes declare.

    Recipes are COOKBOOK or COOKBOOK::EVENT; without any, those of the node's layer.
    """
    project, site = asked.here()
    found = []
    for place in asked.places(project, target):
        with Shown(quiet=as_json, verbose=verbose) as shown, asked.stoppable() as stop:
            report = usecase.setup(site, place, event=event, only=recipes, watch=shown, stop=stop)
            shown.summary(place.node.name, report)
        found.append({"node": place.node.name, "report": report_json(report)})
    if as_json:
        asked.tell({"nodes": found})


@click.command()
@click.argument("target")
@json_option
def runs(target: str, as_json: bool) -> None:
    """List the runs that TARGET remembers, newest last, and who holds it now."""
    project = bootstrap.open_project() if not target.startswith("kitchen:") else None
    directory = project.directory if project else Path.cwd()
    answers = []
    for node in bootstrap.node_for(project, target):
        place = bootstrap.connect(node, directory)
        answer = carry.ask(place.transport, ["runs"], "runs")
        answers.append({"node": node.name, "runs": answer["runs"], "holder": answer["holder"]})
    if as_json:
        asked.tell({"nodes": answers})
        return
    for one in answers:
        for run in one["runs"]:
            state = "finished" if run.get("finished") else "unfinished"
            click.echo(
                printable(
                    f"{run['run']}  {state:<10} {run.get('plan', '')}  by {run.get('by', '')}"
                )
            )
        holder = one["holder"]
        click.echo(
            f"{one['node']}: " + (printable(f"held by {holder.get('by')}") if holder else "free")
        )
