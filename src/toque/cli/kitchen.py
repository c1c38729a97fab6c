"""``toque kitchen``: throwaway machines for the suites of a ``kitchen.toml``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .. import bootstrap
from ..cookbooks import load as cookbooks
from ..errors import AskedWrongly
from ..kitchen import api, suite, verify
from ..kitchen.api import Kitchen
from ..kitchen.machine import Machine
from ..kitchen.suite import Suite
from ..node.wire import report_json
from ..usecases import deploy as deploying
from ..usecases import setup as setting
from ..usecases.suite import project_of
from . import asked
from .asked import json_option, verbose_option
from .show import Shown

BACK_WITHIN_S = 60.0  # a machine that answers SSH again may still be starting its services


@click.group()
def kitchen() -> None:
    """Throwaway machines for trying and testing cookbooks.

    SUITE is a suite of the nearest kitchen.toml, the first one when left out.  Where there is no
    such suite, it is the name of a machine.
    """


def suite_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("name", metavar="[SUITE]", default="")(function)


def driver_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--driver", default="", help="auto, nspawn or chroot.")(function)


@kitchen.command()
@suite_argument
@driver_option
@click.option("--release", default="", help="bookworm, trixie or bullseye.")
@json_option
def create(name: str, driver: str, release: str, as_json: bool) -> None:
    """Make the machine of SUITE; finds it when it is there already."""
    machine = _create(bootstrap.open_kitchen(), name, driver, release, as_json)
    if as_json:
        asked.tell(machine.as_json())
    else:
        click.echo(
            f"{machine.name}: {machine.driver}, {machine.address}, ssh port {machine.ssh_port}"
        )


@kitchen.command()
@suite_argument
@driver_option
@verbose_option
@json_option
def converge(name: str, driver: str, verbose: bool, as_json: bool) -> None:
    """Run SUITE's events on its machine, making it when needed."""
    cook, chosen = bootstrap.open_kitchen(), _suite(name)
    machine = _create(cook, name, driver, "", as_json)
    changed, reports = _converge(chosen, verbose=verbose, quiet=as_json)
    if as_json:
        asked.tell({"machine": machine.name, "changed": changed, "reports": reports})


@kitchen.command("verify")
@suite_argument
@json_option
def verify_suite(name: str, as_json: bool) -> None:
    """Run SUITE's checks against its machine.  A suite without a check fails."""
    cook, chosen = bootstrap.open_kitchen(), _suite(name)
    result = _verify(cook, chosen, quiet=as_json)
    verify.require(result)
    if as_json:
        asked.tell({"machine": chosen.machine, **result.as_json()})


@kitchen.command()
@suite_argument
@driver_option
@click.option("--keep", is_flag=True, help="Leave the machine there when all went well, too.")
@json_option
def test(name: str, driver: str, keep: bool, as_json: bool) -> None:
    """The whole cycle, from a new machine to its removal.

    Create, converge, converge again (nothing may change), verify, reboot, verify, destroy.  When
    something fails the machine is left for looking.
    """
    cook, chosen = bootstrap.open_kitchen(), _suite(name)
    began = time.monotonic()
    api.destroy(cook, chosen.machine)
    machine = _create(cook, name, driver, "", as_json)
    _converge(chosen, verbose=False, quiet=as_json)
    again, _ = _converge(chosen, verbose=False, quiet=as_json)
    if again:
        from ..errors import Failed

        raise Failed(
            "kitchen-not-settled",
            f"the second converge of {machine.name} changed {again} steps",
            expected="0 changed",
            found=f"{again} changed",
            hint=f"toque kitchen converge {name}".strip(),
        )
    verify.require(_verify(cook, chosen, quiet=as_json))
    api.reboot(cook, machine.name)
    result = _verify_in_time(cook, chosen, quiet=as_json)
    verify.require(result)
    if not keep:
        api.destroy(cook, machine.name)
    seconds = round(time.monotonic() - began, 2)
    if as_json:
        asked.tell({"machine": machine.name, "driver": machine.driver, "seconds": seconds,
                    **result.as_json()})  # fmt: skip
    else:
        click.echo(f"{chosen.name} on {machine.driver}: {result.summary} ({seconds:.1f}s)")


@kitchen.command("exec")
@click.argument("name", metavar="SUITE")
@click.argument("command", nargs=-1, required=True)
def execute(name: str, command: tuple[str, ...]) -> None:
    """Run a program in SUITE's machine.

    Its output and its exit status become ours.

    toque kitchen exec default -- systemctl status nginx
    """
    done = api.execute(bootstrap.open_kitchen(), _machine_name(name), command)
    sys.stdout.buffer.write(done.stdout)
    sys.stdout.flush()
    sys.stderr.buffer.write(done.stderr)
    sys.exit(done.returncode)


@kitchen.command()
@suite_argument
def login(name: str) -> None:
    """A root shell in SUITE's machine."""
    sys.exit(api.login(bootstrap.open_kitchen(), _machine_name(name)))


@kitchen.command()
@suite_argument
def console(name: str) -> None:
    """What the machine printed while booting and since."""
    click.echo(api.console(bootstrap.open_kitchen(), _machine_name(name)))


@kitchen.command()
@suite_argument
def reboot(name: str) -> None:
    """Restart SUITE's machine through its own init."""
    api.reboot(bootstrap.open_kitchen(), _machine_name(name))


@kitchen.command()
@click.argument("state")
@suite_argument
@json_option
def snapshot(state: str, name: str, as_json: bool) -> None:
    """Keep what SUITE's machine is now under the name STATE.

    A machine that runs is stopped in order and booted again.

    toque kitchen snapshot converged
    """
    cook, machine = bootstrap.open_kitchen(), _machine_name(name)
    api.snapshot(cook, machine, state)
    if as_json:
        asked.tell({"machine": machine, "snapshot": state})
    else:
        click.echo(f"{machine}: kept as {state}")


@kitchen.command()
@click.argument("state")
@suite_argument
@json_option
def restore(state: str, name: str, as_json: bool) -> None:
    """Put SUITE's machine back to the state that was kept as STATE.

    What has changed since is gone; later snapshots stay.
    """
    cook, machine = bootstrap.open_kitchen(), _machine_name(name)
    api.restore(cook, machine, state)
    if as_json:
        asked.tell({"machine": machine, "restored": state})
    else:
        click.echo(f"{machine}: is as it was at {state}")


@kitchen.command("snapshots")
@suite_argument
@json_option
def list_snapshots(name: str, as_json: bool) -> None:
    """List what was kept of SUITE's machine, the oldest first."""
    cook, machine = bootstrap.open_kitchen(), _machine_name(name)
    there = api.snapshots(cook, machine)
    if as_json:
        asked.tell({"machine": machine, "snapshots": there})
        return
    for state in there:
        click.echo(state)


@kitchen.command()
@suite_argument
@json_option
def destroy(name: str, as_json: bool) -> None:
    """Take SUITE's machine away, whatever state it is in."""
    machine = _machine_name(name)
    there = api.destroy(bootstrap.open_kitchen(), machine)
    if as_json:
        asked.tell({"machine": machine, "destroyed": there})
    else:
        click.echo(f"{machine}: " + ("destroyed" if there else "was not there"))


@kitchen.command("list")
@json_option
def list_machines(as_json: bool) -> None:
    """List all machines of this host, each looked at now."""
    seen = api.all_machines(bootstrap.open_kitchen())
    if as_json:
        asked.tell({"machines": [{**s.machine.as_json(), "state": s.state} for s in seen]})
        return
    for one in seen:
        m = one.machine
        click.echo(f"{m.name:<28} {one.state:<10} {m.driver:<8} {m.release:<10} {m.address}")


@kitchen.command()
@json_option
def doctor(as_json: bool) -> None:
    """Say which drivers work on this host and why the others do not."""
    verdicts = api.verdicts(bootstrap.open_kitchen())
    if as_json:
        asked.tell({"drivers": [v.as_json() for v in verdicts]})
        return
    for one in verdicts:
        click.echo(f"{one.driver:<8} {'works' if one.works else 'no':<6} {one.reason}")


def _suite(name: str) -> Suite:
    suites = suite.load(suite.find_file(Path.cwd()))
    return suite.pick(suites, name or None)


def _machine_name(name: str) -> str:
    """A machine's own name, or the machine of a suite around here."""
    cook = bootstrap.open_kitchen()
    if name and name in cook.store.names():
        return name
    try:
        return _suite(name).machine
    except AskedWrongly as error:
        if name and error.code == "kitchen-no-file":  # then only a machine can be meant
            api.find(cook, name)
        raise


def _create(cook: Kitchen, name: str, driver: str, release: str, quiet: bool) -> Machine:
    say: Callable[[str], None] = api.silent if quiet else click.echo
    try:
        chosen = _suite(name)
    except Exception:
        # No kitchen.toml around, or no such suite: a bare machine of that name.
        if not name or (Path.cwd() / suite.FILE).exists():
            raise
        return api.create(
            cook, name, driver=driver or "auto", release=release or "bookworm", progress=say
        )
    return api.create(
        cook,
        chosen.machine,
        driver=driver or chosen.driver,
        release=release or chosen.release,
        packages=chosen.packages,
        progress=say,
    )


def _converge(chosen: Suite, *, verbose: bool, quiet: bool) -> tuple[int, list[dict[str, Any]]]:
    """Run the suite's events; how many steps changed, and the reports."""
    own = () if chosen.project else cookbooks.names_in(chosen.folder)
    project = project_of(chosen, own)
    site = bootstrap.open_site(project)
    place = bootstrap.connect(project.nodes[chosen.machine], project.directory)
    changed, reports = 0, []
    with Shown(quiet=quiet, verbose=verbose, diffs=verbose) as shown, asked.stoppable() as stop:
        for event in chosen.run:
            if event == "deploy" and project.apps:
                for app in project.apps_of(place.node):
                    for one in deploying.deploy(site, app, [place], watch=lambda n: shown):
                        shown.summary(f"{one.node} deploy {app.name}", one.report)
                        changed += one.report.changed
                        reports.append(report_json(one.report))
                continue
            report = setting.setup(site, place, event=event, watch=shown, stop=stop)
            shown.summary(f"{place.node.name} {event}", report)
            changed += report.changed
            reports.append(report_json(report))
    return changed, reports


def _verify_in_time(cook: Kitchen, chosen: Suite, *, quiet: bool) -> verify.Result:
    """Verify after a reboot: what starts at boot is given its time, then it counts."""
    until = time.monotonic() + BACK_WITHIN_S
    result = _verify(cook, chosen, quiet=True)
    while not result.ok and not result.broken and time.monotonic() < until:
        time.sleep(1)
        result = _verify(cook, chosen, quiet=True)
    if not quiet:
        click.echo(result.output.rstrip())
    return result


def _verify(cook: Kitchen, chosen: Suite, *, quiet: bool) -> verify.Result:
    machine = api.find(cook, chosen.machine)
    result = verify.run_verify(machine, chosen.verify or chosen.folder / "checks", os.environ)
    if not quiet:
        click.echo(result.output.rstrip())
    return result
