"""``toque import``: what another tool's files say, as Toque's own."""

from __future__ import annotations

from pathlib import Path

import click

from ..chef.report import as_json as data_of
from ..usecases import importing
from . import asked
from .asked import json_option


@click.group(name="import")
def import_() -> None:
    """Carry the cookbooks of another tool over."""


@import_.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--to", "into", default=".", metavar="DIR", type=click.Path(path_type=Path),
              help="Where to write; this directory when left out.")  # fmt: skip
@json_option
def chef(directory: Path, into: Path, as_json: bool) -> None:
    """Write Toque cookbooks for the Chef cookbooks in DIR, and a list of what they lack.

    Nothing of DIR is run or changed.  FROM-CHEF.md lists each line that could not be carried over,
    with its place; it is marked TODO(chef) where it would stand.  What is there already is never
    written over.

    Example: toque import chef ../chef-repo --to cookbooks
    """
    carried = importing.read_chef(directory)
    importing.write_chef(carried, into)
    if as_json:
        asked.tell({"to": str(into), **data_of(carried)})
        return
    click.echo(f"{carried.said}: {', '.join(carried.cookbooks)}")
    for one in carried.left:
        click.echo(f"  {one.place}: {one.reason}")
    click.echo(
        f"wrote {len(carried.files)} files to {into}; left for you: {len(carried.left)}, "
        f"worth a look: {len(carried.notes)}; see {into / 'FROM-CHEF.md'}"
    )
