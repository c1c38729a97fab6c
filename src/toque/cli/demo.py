"""``toque demo``."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import click

from .. import bootstrap
from ..demo import story, workspace
from ..demo.workspace import Workspace
from ..kitchen import api as kitchen
from ..kitchen.drivers import NAMES
from ..kitchen.machine import Machine
from ..usecases import deploy as deploying
from ..usecases import push
from ..usecases import setup as setting
from ..usecases.across import refuse
from . import asked
from .asked import json_option
from .show import Shown

MACHINE = "toque-demo"


@click.command()
@click.option("--driver", default="auto", show_default=True, help=f"{NAMES}, or a plugin's.")
@click.option("--keep", is_flag=True, help="Leave the machine and the project there.")
@click.option(
    "--server", type=click.Choice(["uwsgi", "gunicorn"]), default="uwsgi", show_default=True
)
@json_option
def demo(driver: str, keep: bool, server: str, as_json: bool) -> None:
    """The whole story on a throwaway machine.

    A machine; setup; setup again; a first deploy; a push under load; a broken push; rollback;
    reboot.  With --json the last line is one object with what was measured.
    """
    cook = bootstrap.open_kitchen()
    directory = cook.store.state / "demo"
    space = workspace.make(directory, workspace.find_examples(), MACHINE, server)
    bootstrap.init_bare(space.repository)
    push.install(space.repository, directory, "thena", sys.executable)
    began = time.monotonic()

    def say(text: str) -> None:
        click.echo()
        click.echo(click.style(f"[{time.monotonic() - began:5.1f}s] {text}", bold=True))

    def note(text: str) -> None:
        click.echo(f"         {text}")

    done = False
    try:
        values = story.tell(
            MACHINE,
            space,
            cook,
            driver=driver,
            say=say,
            note=note,
            acts=lambda machine: _acts(machine, space, note),
        )
        done = True
    finally:
        if not keep and done:
            kitchen.destroy(cook, MACHINE)
            shutil.rmtree(directory)
    say("Done")
    for line in story.closing(values, directory, keep):
        click.echo(line)
    if as_json:
        asked.tell(values)


def _acts(machine: Machine, space: Workspace, note: Any) -> story.Acts:
    """The acts through the same use cases and the same hook that a user has."""
    project = bootstrap.open_project(space.directory)
    site = bootstrap.open_site(project)
    place = bootstrap.connect(project.nodes[machine.name], project.directory)
    app = project.app("thena")

    def setup() -> int:
        with Shown(diffs=False) as shown:
            report = setting.setup(site, place, watch=shown)
            shown.summary(place.node.name, report)
        return report.changed

    def pushed() -> Mapping[str, Any]:
        process = subprocess.Popen(
            ["git", "-C", str(space.work), "push", str(space.repository), "main"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if process.stdout is not None:
            for line in process.stdout:
                note(line.rstrip())
        process.wait()
        record = push.last_record(space.repository)
        return {"exit": record["exit"], "code": record["code"]}

    def rollback() -> None:
        with Shown(diffs=False) as shown:
            for one in deploying.rollback(
                site, app, [place], agree=refuse, watch=lambda node: shown
            ):
                shown.summary(one.node, one.report)

    return story.Acts(setup=setup, push=pushed, rollback=rollback)
