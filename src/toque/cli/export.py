"""``toque export``: the project and its cookbooks in one file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from .. import bootstrap
from ..usecases import exporting
from ..usecases.definitions import locked, manifests_in, sources_in_project
from . import asked
from .asked import json_option


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def export(file: Path, as_json: bool) -> None:
    """Write the project, its cookbooks and all that toque.lock names into FILE, a tar archive.

    Plans are made from it on any machine with this Toque, without a network.  Files that git
    ignores stay here, and so do .git and .toque; secrets are in it only as they are encrypted.

    \b
    toque export site.tar.gz
    """
    project = asked.project_or_cookbooks()
    manifests = manifests_in(project)
    sources_in_project(project, manifests)  # entry points that lead nowhere are told now
    lock = locked(project, manifests)
    file = file.absolute()
    top = Path(file.name.partition(".")[0] or "project")
    made = exporting.planned(project, manifests, top, bootstrap.files_to_carry, lock)
    harmless = [name for app in project.apps.values() for name in app.harmless_keys]
    exporting.check_open(made, bootstrap.known_secrets(project), harmless)
    with tempfile.TemporaryDirectory(prefix="toque-export-") as scratch:
        if lock is not None and lock.vendor is not None:
            bootstrap.cookbook_packages(project, lock)  # compared with the lock
            made = exporting.with_packages(made, lock, project.directory)
        elif lock is not None:
            home = Path(scratch)
            lock = bootstrap.vendor_cookbooks(project, lock, exporting.PACKAGES, home)
            made = exporting.with_packages(made, lock, home)
        size = exporting.write(made, file)
    count = len({*made.files, *made.texts})
    if as_json:
        identity = lock.identity if lock is not None else None
        asked.tell({"file": str(file), "files": count, "bytes": size, "lock": identity,
                    "project": made.project})  # fmt: skip
        return
    click.echo(f"wrote {file.name}: {count} files, {size / 1e6:.1f} MB")
    click.echo(f"elsewhere: tar -xzf {file.name} && cd {made.project} && toque plan")
