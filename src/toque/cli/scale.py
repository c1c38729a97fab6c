"""``toque scale``: how many processes of an app run on its nodes."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

from ..errors import AskedWrongly, nearest
from ..fleet.app import App
from ..usecases import converge as carry
from ..usecases import deploy as deploying
from . import asked
from .asked import json_option, verbose_option
from .show import Shown, printable

MOST_WEB = 512


@click.command()
@click.argument("app")
@click.argument("numbers", nargs=-1, metavar="[NAME=NUMBER]...")
@click.option("--on", "target", default="", help="A node or layer; all nodes of the app otherwise.")
@verbose_option
@json_option
def scale(app: str, *, numbers: Sequence[str], target: str, verbose: bool, as_json: bool) -> None:
    """Say how many processes of APP run: "toque scale thena web=4 mail=2"; 0 pauses a worker.

    web is the app's server, other names are its workers.  The commit that serves is deployed again
    with these numbers, without losing a request, and each node keeps them for later deploys.
    Without numbers, those of now are shown.
    """
    project, site = asked.here()
    chosen = asked.only_app(project, app)
    places = asked.app_places(project, chosen, target)
    wanted = parsed(chosen, numbers)
    found: list[tuple[str, dict[str, int]]] = []
    if wanted:
        with Shown(quiet=as_json, verbose=verbose) as shown, asked.stoppable() as stop:
            deploying.deploy(
                site,
                chosen,
                places,
                same=True,
                scale=wanted,
                balancers=asked.balancer_places(project, chosen),
                watch=lambda node: shown,
                stop=stop,
            )
    for place in places:
        with carry.Session(place.transport, app=chosen.name) as session:
            now = chosen.scaled(session.scale)
        counts = {"web": now.processes, **{n: w.count for n, w in now.workers.items()}}
        found.append((place.node.name, counts))
    if as_json:
        nodes = [{"node": node, "processes": counts} for node, counts in found]
        asked.tell({"app": chosen.name, "nodes": nodes})
        return
    for node, counts in found:
        words = " ".join(f"{name}={count}" for name, count in counts.items())
        click.echo(printable(f"{node}: {words}"))


def parsed(app: App, numbers: Sequence[str]) -> dict[str, int]:
    """``["web=4"]`` as numbers by name.  Raises ``AskedWrongly("bad-scale")``."""
    wanted = {}
    for text in numbers:
        name, _, number = text.partition("=")
        known = ["web", *app.workers]
        least, most = (1, MOST_WEB) if name == "web" else (0, 64)
        if name in app.workers:
            most = app.workers[name].most
        good = name in known and re.fullmatch(r"[0-9]{1,4}", number)
        if not good or not least <= int(number) <= most:
            raise AskedWrongly(
                "bad-scale",
                "that is no number of processes",
                expected=f"NAME=NUMBER, one of {', '.join(known)}"
                + (f", {least} to {most}" if name in known else ""),
                found=text,
                hint=nearest(name, known),
            )
        wanted[name] = int(number)
    return wanted
