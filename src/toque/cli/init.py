"""``toque init``: what `toque up` would find out, as a file to own."""

from __future__ import annotations

from pathlib import Path

import click

from .. import bootstrap
from ..detect import detect, render
from ..detect.answers import answers
from ..errors import AskedWrongly
from ..fleet.project import FILE, parse_project
from ..usecases import unfiled
from . import asked, found
from .asked import json_option


@click.command()
@click.argument("directory", default=".", type=click.Path(path_type=Path))
@click.option("--on", "target", default="", help="The machine: root@HOST, kitchen:NAME or local.")
@click.option("--entry", default="", metavar="MODULE:NAME", help="The app, where several could be.")
@json_option
def init(directory: Path, target: str, entry: str, as_json: bool) -> None:
    """Look at the Python web project in DIRECTORY and write a toque.toml for it.

    Nothing of the project is run.  Every choice is written down with its reason; cookbooks are
    those that come with Toque, until you write your own.  A file that is there is never changed.
    """
    directory = directory.resolve()
    file = directory / FILE
    if file.exists():
        raise AskedWrongly(
            "file-there",
            f"there is a {FILE} already; it is not changed",
            expected=f"no {FILE} in {directory}",
            found=str(file),
            hint=f"mv {FILE} {FILE}.old && toque init, and compare the two",
        )
    project = detect(bootstrap.folder_tree(directory), entry=entry)
    kept = unfiled.before(directory)
    nodes = unfiled.nodes_with(kept, target) or {"web1": "root@server.example"}
    address = next(iter(nodes.values())).rpartition("@")[2]
    given = answers(project, (*unfiled.domains_of(kept), address))
    place = render.Place(
        name=unfiled.name_of(directory, kept),
        branch=bootstrap.branch_of(directory) or "main",
        nodes=nodes,
        domains=unfiled.domains_of(kept),
    )
    text = render.as_toml(project, given, place)
    parse_project(text, directory)
    with file.open("x", encoding="utf-8") as new:
        new.write(text)
    bootstrap.own_secrets(directory)
    if as_json:
        asked.tell({"file": str(file), "found": found.as_json(project)})
        return
    found.tell(project)
    first = "" if kept or target else "set the address of web1, then "
    click.echo(f"wrote {FILE}; next: {first}toque up")
    if needed := [variable.name for variable in given.unknown]:
        found.note(f"the code needs {', '.join(needed)}", "toque env set NAME --secret")
