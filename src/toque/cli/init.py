"""``toque init``: what `toque up` would find out and do, as a file and a cookbook to own."""

from __future__ import annotations

from pathlib import Path

import click

from .. import bootstrap
from ..detect import cookbook, detect, render
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
    """Look at the Python web project in DIRECTORY and write a toque.toml and a cookbook for it.

    Nothing of the project is run.  Every choice is written down with its reason.  Their plan is
    what `toque up` does without them, step by step, for you to change.  What is there already is
    never written over.
    """
    directory = directory.resolve()
    file = directory / FILE
    _free(file)
    project = detect(bootstrap.folder_tree(directory), entry=entry)
    kept = unfiled.before(directory)
    nodes = unfiled.nodes_with(kept, target) or {"web1": "root@server.example"}
    address = next(iter(nodes.values())).rpartition("@")[2]
    given = answers(project, (*unfiled.domains_of(kept), address))
    name = unfiled.name_of(directory, kept)
    place = render.Place(
        name=name,
        branch=bootstrap.branch_of(directory) or "main",
        nodes=nodes,
        domains=unfiled.domains_of(kept),
        cookbook=f"{cookbook.FOLDER}/{cookbook.cookbook_name(name)}",
        health=unfiled.health_of(kept),
        accepts=unfiled.accepts_of(kept),
    )
    package = directory / place.cookbook
    _free(package)
    text = render.as_toml(project, given, place)
    parse_project(text, directory)
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(cookbook.as_cookbook(project, name), encoding="utf-8")
    with file.open("x", encoding="utf-8") as new:  # last: from now on it counts
        new.write(text)
    bootstrap.own_secrets(directory)
    if as_json:
        asked.tell({"file": str(file), "cookbook": str(package), "found": found.as_json(project)})
        return
    found.tell(project)
    first = "" if kept or target else "set the address of web1, then "
    click.echo(f"wrote {FILE} and {place.cookbook}; next: {first}toque up")
    if needed := [variable.name for variable in given.unknown]:
        found.note(f"the code needs {', '.join(needed)}", "toque env set NAME --secret")


def _free(path: Path) -> None:
    """Raise ``AskedWrongly("file-there")`` when something is in the way."""
    if path.exists() or path.is_symlink():
        raise AskedWrongly(
            "file-there",
            f"there is a {path.name} already; it is not changed",
            expected=f"no {path.name} in {path.parent}",
            found=str(path),
            hint=f"mv {path} {path}.old && toque init, and compare the two",
        )
