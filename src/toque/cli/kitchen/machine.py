"""What is done with one machine: looking into it, restarting it, keeping what it is."""

from __future__ import annotations

import sys

import click

from ... import bootstrap
from ...kitchen import api
from .. import asked
from ..asked import json_option
from .suites import machine_argument, machine_name


@click.command("exec")
@click.argument("name", metavar="SUITE")
@click.argument("command", nargs=-1, required=True)
def execute(name: str, command: tuple[str, ...]) -> None:
    """Run a program in SUITE's machine.

    Its output and its exit status become ours.  SUITE/MACHINE is one of several machines.

    toque kitchen exec default -- systemctl status nginx
    """
    done = api.execute(bootstrap.open_kitchen(), machine_name(name), command)
    sys.stdout.buffer.write(done.stdout)
    sys.stdout.flush()
    sys.stderr.buffer.write(done.stderr)
    sys.exit(done.returncode)


@click.command()
@machine_argument
def login(name: str) -> None:
    """A root shell in SUITE's machine.

    SUITE/MACHINE is one of several machines.
    """
    sys.exit(api.login(bootstrap.open_kitchen(), machine_name(name)))


@click.command()
@machine_argument
@click.option("-n", "--lines", default=100, show_default=True, help="How many, from the end.")
def logs(name: str, lines: int) -> None:
    """Show what the machine printed, booting and since."""
    click.echo(api.console(bootstrap.open_kitchen(), machine_name(name), lines))


@click.command()
@machine_argument
def reboot(name: str) -> None:
    """Restart SUITE's machine through its own init."""
    api.reboot(bootstrap.open_kitchen(), machine_name(name))


@click.command()
@click.argument("state")
@machine_argument
@json_option
def snapshot(state: str, name: str, as_json: bool) -> None:
    """Keep what the machine is now as STATE.

    A machine that runs is stopped in order and booted again.

    toque kitchen snapshot converged
    """
    cook, machine = bootstrap.open_kitchen(), machine_name(name)
    api.snapshot(cook, machine, state)
    if as_json:
        asked.tell({"machine": machine, "snapshot": state})
    else:
        click.echo(f"{machine}: kept as {state}")


@click.command()
@click.argument("state")
@machine_argument
@json_option
def restore(state: str, name: str, as_json: bool) -> None:
    """Put the machine back to what it was at STATE.

    What has changed since is gone; later snapshots stay.
    """
    cook, machine = bootstrap.open_kitchen(), machine_name(name)
    api.restore(cook, machine, state)
    if as_json:
        asked.tell({"machine": machine, "restored": state})
    else:
        click.echo(f"{machine}: is as it was at {state}")


@click.command("snapshots")
@machine_argument
@json_option
def list_snapshots(name: str, as_json: bool) -> None:
    """List what was kept of the machine, oldest first."""
    cook, machine = bootstrap.open_kitchen(), machine_name(name)
    there = api.snapshots(cook, machine)
    if as_json:
        asked.tell({"machine": machine, "snapshots": there})
        return
    for state in there:
        click.echo(state)


COMMANDS = (execute, login, logs, reboot, snapshot, restore, list_snapshots)
