"""``toque repo``: whether nodes can read an app's repository, and a token if that is how."""

from __future__ import annotations

import sys

import click

from ..errors import AskedWrongly
from ..fleet.source import token_name
from ..node import git
from ..usecases import repository as usecase
from . import asked
from .asked import json_option
from .show import printable


@click.group()
def repo() -> None:
    """Whether nodes can read an app's repository, and by what."""


@repo.command()
@click.argument("app", default="")
@click.option("--ref", default="", help="Branch, tag or commit; the app's branch when left out.")
@click.option("--on", "target", default="", help="A node or layer; all nodes of the app otherwise.")
@json_option
def check(app: str, ref: str, target: str, as_json: bool) -> None:
    """Try how far a node gets with APP's repository, stage by stage; deploys nothing.

    Runs on the node as the app's deploy user, with the command, key and host keys of a deploy.
    Ends with 0, or by the first stage that failed: 11 name, 12 port, 13 host key,
    14 authentication, 15 repository, 16 revision, 17 submodules.
    """
    project, site = asked.here()
    chosen = asked.only_app(project, app)
    if not chosen.remote:
        commit = site.open_repository(project.repository(chosen)).resolve(ref or chosen.branch)
        if as_json:
            asked.tell({"app": chosen.name, "commit": commit, "nodes": []})
        else:
            click.echo(f"{chosen.name}: on this machine; {ref or chosen.branch} is {commit[:12]}")
        return
    status, told = 0, []
    for place in asked.app_places(project, chosen, target):
        with usecase.on_node(site, chosen, place) as repository:
            stages = repository.check(ref or chosen.branch, submodules=chosen.submodules)
        last = stages[-1]
        status = status or (0 if last.good else usecase.STATUSES[last.name])
        told.append({"node": place.node.name, "stages": [one.as_json() for one in stages]})
        if not as_json:
            _tell(place.node.name, stages)
    if as_json:
        asked.tell({"app": chosen.name, "nodes": told, "exit": status})
    sys.exit(status)


def _tell(node: str, stages: tuple[usecase.Stage, ...]) -> None:
    click.echo(click.style(node, bold=True))
    for stage in stages:
        word = click.style("ok  ", fg="green") if stage.good else click.style("FAIL", fg="red")
        click.echo(f"  {word} {stage.name:<15} {printable(stage.said)}")
        if not stage.good:
            for line in stage.log:
                click.echo(f"       | {printable(line)}")
            if stage.hint:
                click.echo(f"       try {printable(stage.hint)}")


@repo.command()
@click.argument("app", default="")
@click.option("--forget", is_flag=True, help="Drop the one that is kept.")
def token(app: str, forget: bool) -> None:
    """Keep an access token that reads APP's repository over https; it is read from standard input.

    It is kept in the project's secrets, goes to git in a file that only the deploy user can read,
    and stands in no argument, URL, log or configuration.  Give it the right to read only.
    """
    project, site = asked.here()
    chosen = asked.only_app(project, app)
    where = git.address(chosen.repository) if chosen.remote else None
    if where is None or where.scheme != "https":
        raise AskedWrongly(
            "token-not-used",
            f"{chosen.name} is not fetched over https",
            expected="a repository like https://HOST/PATH",
            found=chosen.repository,
            hint=f"over SSH it takes a key: toque deploykey create {chosen.name}",
        )
    if forget:
        there = site.store.forget(token_name(chosen.name))
        click.echo(f"{chosen.name}: {'forgotten' if there else 'there was none'}")
        return
    text = sys.stdin.read().strip()
    if not text.isascii() or not text.isprintable() or " " in text or not text:
        raise AskedWrongly(
            "token-bad",
            "this is no access token",
            expected="one line of text without blanks, on standard input",
            found="nothing" if not text else "several words or lines (not shown)",
            hint=f"toque repo token {chosen.name} < FILE",
        )
    site.store.put(token_name(chosen.name), text)
    click.echo(f"{chosen.name}: kept; try it with: toque repo check {chosen.name}")
