"""``toque new``: what an author begins with."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ..fleet.project import FILE
from ..usecases import newcookbook
from . import asked
from .asked import json_option


@click.group()
def new() -> None:
    """Write the beginning of something, with tests that pass as they are."""


@new.command()
@click.argument("name")
@click.option(
    "--at",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="The cookbook's own folder; . for a repository that is one cookbook.",
)
@json_option
def cookbook(name: str, folder: Path | None, as_json: bool) -> None:
    """Write the cookbook NAME: manifest, attributes, recipe, template, README, a unit test and a
    kitchen suite.

    Its folder is cookbooks/NAME where there is a folder cookbooks, else NAME.  What is there
    already is never written over.

    \b
    toque new cookbook backups
    toque new cookbook backups --at infra/backups
    """
    project = asked.project_or_cookbooks()
    here = Path.cwd()
    place = (here / folder if folder else newcookbook.folder_for(name, here)).absolute()
    files = newcookbook.create(name, place, project)
    shown = os.path.relpath(place, here)
    steps = [] if shown == "." else [f"cd {shown}"]
    steps += ["pytest", "toque kitchen test"]
    known = newcookbook.reached(place, project)
    if as_json:
        paths = [str(path) for path in files]
        asked.tell(
            {"cookbook": name, "folder": str(place), "files": paths, "known": known, "next": steps}
        )
        return
    click.echo(f"wrote the cookbook {name}:")
    for path in files:
        click.echo(f"  {os.path.relpath(path, here)}")
    click.echo("next:")
    for step in steps:
        click.echo(f"  {step}")
    if project.spot.file == FILE and not known:
        entry = os.path.relpath(place, project.directory)
        click.echo(f'and in {FILE}, so that layers can name it: [stack] cookbooks = ["{entry}"]')
