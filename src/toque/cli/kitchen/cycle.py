"""The rungs of the ladder, create to destroy, and ``test``, which is all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from ... import bootstrap
from ...errors import AskedWrongly
from ...kitchen import api
from ...kitchen.instance import Instance
from ...kitchen.verify import Limits
from ...usecases import cycle
from ...usecases.means import Means
from ..asked import checks_options, json_option, verbose_option
from .each import Asked, Said, each, flags_of, limits_of, show
from .suites import driver_option, picked, suites_argument


def cold_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--cold", is_flag=True, help="Begin from the bare image, not from a kept layer."
    )(function)


def concurrency_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "-c", "--concurrency", type=click.IntRange(1, 64), default=1, show_default=True,
        help="How many suites at a time.",
    )(function)  # fmt: skip


@click.command()
@suites_argument
@driver_option
@click.option("--release", default="", help="Where there is no kitchen.toml: bookworm, trixie, ...")
@concurrency_option
@json_option
def create(
    words: tuple[str, ...], driver: str, release: str, concurrency: int, as_json: bool
) -> None:
    """Make the machines of SUITE, or find them.

    Where there is no kitchen.toml, SUITE is the name of one machine.
    """
    if bare := _bare(words):
        cook = bootstrap.open_kitchen()
        say = api.silent if as_json else click.echo
        machine = api.create(
            cook, bare, driver=driver or "auto", release=release or "bookworm", progress=say
        )
        show([{"instance": bare, "machines": [machine.as_json()]}], as_json, _made)
        return
    if release:
        raise AskedWrongly(
            "kitchen-release-twice",
            "--release is for a machine without a kitchen.toml",
            expected="its release in kitchen.toml: release, or a table [platforms.NAME]",
            found=f"--release {release}",
            hint=f"toque kitchen create '*-{release}'",
        )

    def made(means: Means, one: Instance) -> Said:
        machines = cycle.create(means, one, driver=driver)
        return {"machines": [machine.as_json() for machine in machines.values()]}

    asked = Asked("create", words, flags_of(driver=driver), concurrency, as_json)
    each(asked, made, _made)


@click.command()
@suites_argument
@driver_option
@concurrency_option
@cold_option
@verbose_option
@json_option
def converge(
    words: tuple[str, ...],
    *,
    driver: str,
    concurrency: int,
    cold: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Run the cookbooks on SUITE's machines.

    Machines that are missing are made.  They begin where the packages of a plan that begins with
    the same steps were installed before; --cold makes them begin from nothing.
    """

    def converged(means: Means, one: Instance) -> Said:
        done = cycle.converge(means, one, driver=driver, cold=cold)
        return {"changed": done.changed, "reports": list(done.reports)}

    flags = flags_of(driver=driver, cold=cold, verbose=verbose)
    asked = Asked("converge", words, flags, concurrency, as_json, verbose)
    each(asked, converged, _nothing_more)


@click.command()
@suites_argument
@driver_option
@concurrency_option
@json_option
def setup(words: tuple[str, ...], driver: str, concurrency: int, as_json: bool) -> None:
    """Make SUITE ready for its checks.

    Converged, running, its setup hooks run.
    """

    def ready(means: Means, one: Instance) -> Said:
        cycle.setup(means, one, driver=driver)
        return {"ready": True}

    asked = Asked("setup", words, flags_of(driver=driver), concurrency, as_json)
    each(asked, ready, lambda said: f"{said['instance']}: ready for its checks")


@click.command("verify")
@suites_argument
@driver_option
@concurrency_option
@checks_options
@json_option
def verify(
    words: tuple[str, ...],
    *,
    driver: str,
    concurrency: int,
    report: Path | None,
    limits: Limits,
    as_json: bool,
) -> None:
    """Run SUITE's checks against its machines.  A suite without a check fails.

    What the checks need is made first: machines, converged.

    toque kitchen verify --junit report.xml
    """

    def verified(means: Means, one: Instance) -> Said:
        return cycle.check(means, one, driver=driver).as_json()

    flags = (*flags_of(driver=driver), *limits_of(limits))
    asked = Asked("verify", words, flags, concurrency, as_json, report=report, limits=limits)
    each(asked, verified, _nothing_more)


@click.command()
@suites_argument
@driver_option
@concurrency_option
@cold_option
@click.option("--keep", is_flag=True, help="Leave the machines there when all went well, too.")
@checks_options
@json_option
def test(
    words: tuple[str, ...],
    *,
    driver: str,
    concurrency: int,
    cold: bool,
    keep: bool,
    report: Path | None,
    limits: Limits,
    as_json: bool,
) -> None:
    """The whole cycle, from new machines to their removal.

    Create, converge, converge again (nothing may change), verify, reboot, verify, destroy.  When
    something fails the machines are left for looking.

    toque kitchen test -c 4
    """

    def tested(means: Means, one: Instance) -> Said:
        done = cycle.whole(means, one, driver=driver, keep=keep, cold=cold)
        return {
            "machines": [machine.name for machine in done.machines],
            "drivers": list(done.drivers),
            "seconds": round(done.seconds, 2),
            "summary": done.result.summary,
            **done.result.as_json(),
        }

    flags = (*flags_of(driver=driver, cold=cold, keep=keep), *limits_of(limits))
    asked = Asked("test", words, flags, concurrency, as_json, report=report, limits=limits)
    each(asked, tested, _tested)


@click.command()
@suites_argument
@concurrency_option
@json_option
def destroy(words: tuple[str, ...], concurrency: int, as_json: bool) -> None:
    """Take SUITE's machines away.

    Whatever state they are in, nothing of them stays.  SUITE may be the name of a machine, too.
    """
    cook = bootstrap.open_kitchen()
    if bare := _bare(words) or (words[0] if words and words[0] in cook.store.names() else ""):
        there = api.destroy(cook, bare)
        show([{"instance": bare, "destroyed": there}], as_json, _gone)
        return

    def destroyed(means: Means, one: Instance) -> Said:
        return {"destroyed": cycle.destroy(means, one)}

    each(Asked("destroy", words, (), concurrency, as_json), destroyed, _gone)


COMMANDS = (create, converge, setup, verify, test, destroy)


def _bare(words: Sequence[str]) -> str:
    """The name of a machine, where there is no kitchen.toml around."""
    if len(words) != 1:
        return ""
    try:
        picked(())
    except AskedWrongly as error:
        if error.code == "kitchen-no-file":
            return words[0]
        raise
    return ""


def _made(said: Said) -> str:
    return "\n".join(
        f"{m['name']}: {m['driver']}, {m['address']}, ssh port {m['ssh_port']}"
        for m in said["machines"]
    )


def _nothing_more(said: Said) -> str:
    """All there is to say was said on the way."""
    return ""


def _tested(said: Said) -> str:
    on = ", ".join(said["drivers"])
    return f"{said['instance']} on {on}: {said['summary']} ({said['seconds']:.1f}s)"


def _gone(said: Said) -> str:
    return f"{said['instance']}: " + ("destroyed" if said["destroyed"] else "was not there")
