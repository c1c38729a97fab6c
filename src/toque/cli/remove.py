"""``toque remove``: give a machine back as it was found."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from ..errors import AskedWrongly
from ..node.wire import report_json
from ..usecases import removal
from ..usecases.place import Place
from ..usecases.removal import GiveBack
from . import asked
from .asked import json_option, verbose_option
from .show import Shown, printable, size


@click.command()
@click.argument("target", default="")
@click.option("--yes", is_flag=True, help="Do not ask before it is done.")
@click.option("--discard-data", is_flag=True, help="Keep no copy of databases and shared files.")
@click.option("--dry-run", is_flag=True, help="Show what would go, and end there.")
@verbose_option
@json_option
def remove(
    *,
    target: str,
    yes: bool,
    discard_data: bool,
    dry_run: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Give TARGET back as it was found: take away all that Toque has added to it.

    Apps and their units, sites, databases, users, files and the packages that nothing else needs;
    files that Toque replaced get the content back that they had.  What was there before stays, and
    so does what others have built on since: that is told.

    Databases and the shared files of apps are copied to /var/backups on the machine first.
    """
    project, site = asked.here()
    found = []
    for place in asked.places(project, target):
        back = removal.look(place)
        stamp = time.strftime("%Y%m%dT%H%M%S")
        keep_in = f"{removal.KEPT}/toque-{stamp}" if back.data and not discard_data else ""
        if not as_json:
            tell(place, back, keep_in, verbose=verbose)
        if dry_run:
            with Shown(quiet=as_json or not verbose) as shown:
                report = removal.foresee(place, back, keep_in=keep_in, by=site.by, watch=shown)
        else:
            agree(place, yes=yes, as_json=as_json)
            with Shown(quiet=as_json, verbose=verbose) as shown, asked.stoppable() as stop:
                report = removal.remove(
                    place, back, keep_in=keep_in, by=site.by, watch=shown, stop=stop
                )
                shown.summary(place.node.name, report)
            if not as_json:
                farewell(place, back, keep_in)
        found.append(entry(place, back, keep_in, report_json(report)))
    if as_json:
        asked.tell({"nodes": found})


def tell(place: Place, back: GiveBack, keep_in: str, *, verbose: bool) -> None:
    """What goes and what stays, each with its reason."""
    click.echo(click.style(f"remove {place.node.name}", bold=True))
    for verb, names in removal.lines(back):
        shown = names if verbose or len(names) <= 160 else f"{names[:150]} ... (--verbose)"
        click.echo(f"  {verb:<8} {printable(shown)}")
    for one in back.data:
        what = f"{one.name}, {size(one.bytes)}"
        to = f"copied to {keep_in} first" if keep_in else click.style("lost", fg="red")
        click.echo(f"  {'data':<8} {printable(what)}: {to}")
    for what, why in back.stays:
        click.echo(f"  {click.style('stays   ', fg='yellow')} {printable(what)}: {printable(why)}")


def agree(place: Place, *, yes: bool, as_json: bool) -> None:
    """Raises ``AskedWrongly("not-agreed")`` where there is nobody to ask."""
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise AskedWrongly(
            "not-agreed",
            f"nobody agreed to take everything of Toque off {place.node.name}",
            expected="a person at a terminal, or --yes",
            found="neither",
            hint=f"look with --dry-run, then: toque remove {place.node.name} --yes",
        )
    click.confirm(f"take all of this off {place.node.name}?", abort=True)


def farewell(place: Place, back: GiveBack, keep_in: str) -> None:
    stays = f", but for {len(back.stays)} things that stay" if back.stays else ""
    click.echo(f"{place.node.name} is as it was found{stays}")
    if keep_in:
        click.echo(f"its data is in {keep_in} there")


def entry(place: Place, back: GiveBack, keep_in: str, report: Any) -> dict[str, Any]:
    return {
        "node": place.node.name,
        **{name: list(getattr(back, name)) for name in removal.NAMES},
        "data": [{"name": one.name, "bytes": one.bytes} for one in back.data],
        "kept_in": keep_in,
        "stays": [{"what": what, "why": why} for what, why in back.stays],
        "report": report,
    }
