"""``toque runs``: what nodes remember of the runs that they carried out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from .. import bootstrap
from ..errors import AskedWrongly, Failed
from ..node.wire import report_json
from ..usecases import converge as carry
from ..usecases.place import Place
from . import asked
from .asked import json_option
from .show import Shown, printable


class ListByDefault(click.Group):
    """``toque runs TARGET`` is ``toque runs list TARGET``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=ListByDefault)
def runs() -> None:
    """What nodes remember of their runs; "toque runs TARGET" lists them."""


@runs.command("list")
@click.argument("target", default="")
@json_option
def list_runs(target: str, as_json: bool) -> None:
    """List the runs that TARGET remembers, newest last, and who holds it now."""
    answers = []
    for place in _places(target):
        answer = carry.ask(place.transport, ["runs"], "runs")
        answers.append(
            {"node": place.node.name, "runs": answer["runs"], "holder": answer["holder"]}
        )
    if as_json:
        asked.tell({"nodes": answers})
        return
    for one in answers:
        for run in one["runs"]:
            words = f"{run['run']}  {run.get('plan', '')}  by {run.get('by', '')}: {run['ended']}"
            if lock := (run.get("made_from") or {}).get("lock"):
                words += f"  lock {lock}"
            click.echo(printable(words))
        holder = one["holder"]
        click.echo(
            f"{one['node']}: " + (printable(f"held by {holder.get('by')}") if holder else "free")
        )


@runs.command()
@click.argument("run")
@click.argument("target", default="")
@click.option("-v", "--verbose", is_flag=True, help="Show steps without a change too.")
@json_option
def show(run: str, target: str, verbose: bool, as_json: bool) -> None:
    """Tell a RUN again, from the record of the node that carried it out.

    One that is still going on is followed to its end.
    """
    for place in _places(target):
        with Shown(quiet=as_json, verbose=verbose) as shown, asked.stoppable() as stop:
            try:
                report = carry.attach(place.transport, run, watch=shown, stop=stop)
            except Failed as error:
                if error.code == "run-unknown":
                    continue
                raise
            shown.summary(place.node.name, report)
        if as_json:
            asked.tell({"node": place.node.name, "report": report_json(report)})
        carry.succeeded(report, place.node.name)
        return
    raise AskedWrongly(
        "run-unknown",
        "no node knows this run",
        expected="the id of a run, as toque runs TARGET lists them",
        found=run,
        hint="toque runs TARGET",
    )


def _places(target: str) -> Sequence[Place]:
    """TARGET, or every node of the project; a machine of the kitchen needs no project."""
    if not target.startswith("kitchen:"):
        return asked.places(bootstrap.open_project(), target)
    return [bootstrap.connect(node, Path.cwd()) for node in bootstrap.node_for(None, target)]
