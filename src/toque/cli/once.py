"""``toque run`` and ``toque shell``: one command beside an app's server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import click

from ..errors import Unreachable
from ..usecases import oneoff
from . import asked

SSH_FAILED = 255  # ssh(1): the exit status of the remote command, or 255 if an error occurred


@click.command(context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.option("--on", "target", default="", help="The node; the first of the app otherwise.")
@click.argument("app")
@click.argument("command", nargs=-1, required=True)
def run(target: str, app: str, command: Sequence[str]) -> None:
    """Run COMMAND as APP runs: its user, variables, limits and folder, in the current release.

    \b
    toque run thena -- alembic current
    toque run thena -- python manage.py createsuperuser
    pg_dump old | toque run thena -- python load.py

    Programs are looked for in the release's virtual environment first.  Input, output and the
    terminal are yours; the exit status is the command's.
    """
    words = command[1:] if command[0] == "--" else command
    if not words:
        raise click.UsageError("COMMAND is missing")
    sys.exit(_run(app, target, words, framework=False))


@click.command()
@click.argument("app", default="")
@click.option("--on", "target", default="", help="The node; the first of the app otherwise.")
def shell(app: str, target: str) -> None:
    """Open the shell of APP's framework (Django, Flask) beside its server, or Python's own."""
    sys.exit(_run(app, target, (), framework=True))


def _run(name: str, target: str, command: Sequence[str], *, framework: bool) -> int:
    project, _ = asked.here()
    app = asked.only_app(project, name)
    place = asked.app_places(project, app, target)[0]
    tty = sys.stdin.isatty() and sys.stdout.isatty()
    words = oneoff.attended(
        place, app, command, framework=framework, tty=tty, term=os.environ.get("TERM", "")
    )
    status = subprocess.run(words).returncode
    if status == SSH_FAILED and words[0] == "ssh":
        raise Unreachable(
            "connection-lost",
            f"the connection to {place.node.name} ended before the command did, "
            "or the command ended with 255",
            hint="how far it came is unknown",
        )
    return status if status >= 0 else 128 - status
