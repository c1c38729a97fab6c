"""``toque kitchen watch``: converge and verify after each save."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import click

from ... import bootstrap
from ...kitchen.instance import Instance
from ...usecases.suite import project_of
from .suites import driver_option, picked, suites_argument

LOOK_S = 0.1
SETTLED_S = 0.15  # an editor writes a file in several steps


@click.command()
@suites_argument
@driver_option
@click.option("--once", is_flag=True, help="End after the first change was tried.")
def watch(words: tuple[str, ...], driver: str, once: bool) -> None:
    """Converge and verify SUITE after each save.

    And once at the beginning; Ctrl-C ends it.  Looks at the folder of kitchen.toml and at the
    cookbooks and the project of the suites, but not at files that git ignores.  A failure is
    shown, and the next save is waited for.

    toque kitchen watch default
    """
    chosen = picked(words)
    folders = _folders(chosen)
    names = [one.name for one in chosen]
    seen = _state(folders)
    _round(names, driver)
    while True:
        click.echo(click.style("watching; Ctrl-C ends it", dim=True))
        seen, changed = _changed(folders, seen)
        click.echo(click.style(f"changed: {', '.join(changed[:3])}", bold=True))
        _round(names, driver)
        if once:
            return


def _round(names: list[str], driver: str) -> None:
    """One converge and one verify, in processes of their own: cookbooks are imported anew."""
    began = time.monotonic()
    words = ["--driver", driver] if driver else []
    for rung in ("converge", "verify"):
        argv = [sys.executable, "-m", "toque", "kitchen", rung, *words, *names]
        if subprocess.run(argv, stdin=subprocess.DEVNULL).returncode != 0:
            click.echo(click.style(f"{rung} failed", fg="red"))
            return
    seconds = time.monotonic() - began
    click.echo(click.style(f"{', '.join(names)}: all right ({seconds:.1f}s)", fg="green"))


def _folders(chosen: tuple[Instance, ...]) -> tuple[Path, ...]:
    folders = {one.folder for one in chosen}
    for one in chosen:
        project = project_of(one)
        folders |= {project.directory, *project.cookbooks}
    inner = {f for f in folders if any(f != other and f.is_relative_to(other) for other in folders)}
    return tuple(sorted(folders - inner))


def _state(folders: tuple[Path, ...]) -> dict[str, tuple[int, int]]:
    """Size and time of each file; one that has just gone is not there."""
    found = {}
    for folder in folders:
        for path in bootstrap.project_files(folder):
            try:
                info = path.stat()
            except OSError:
                continue
            found[str(path)] = (info.st_mtime_ns, info.st_size)
    return found


def _changed(
    folders: tuple[Path, ...], before: dict[str, tuple[int, int]]
) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """Wait for a change; what is there then, and the names of the files that differ."""
    while (now := _state(folders)) == before:
        time.sleep(LOOK_S)
    while True:
        time.sleep(SETTLED_S)
        later = _state(folders)
        if later == now:
            break
        now = later
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return now, [Path(name).name for name in names]
