"""The rungs of the ladder, create to destroy, and ``test``, which is all of them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from ... import bootstrap
from ...errors import AskedWrongly, ToqueError
from ...kitchen import api, junit
from ...kitchen.instance import Instance
from ...kitchen.outcome import Result
from ...kitchen.verify import USUAL, Limits
from ...usecases import cycle
from ...usecases.means import Means
from ..asked import checks_options, json_option, stoppable, tell, verbose_option
from ..show import Shown
from ..trouble import told
from . import children
from .suites import driver_option, picked, suites_argument

Said = Mapping[str, Any]
Rung = Callable[[Means, Instance], Said]


@dataclass(frozen=True)
class Asked:
    """A command with its ``flags``, for the instances that its ``words`` mean."""

    command: str
    words: tuple[str, ...]
    flags: tuple[str, ...]
    concurrency: int
    as_json: bool
    verbose: bool = False
    report: Path | None = None
    limits: Limits = USUAL


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
    """Make the machines of SUITE; finds them when they are there already.

    Where there is no kitchen.toml, SUITE is the name of one machine.
    """
    if bare := _bare(words):
        cook = bootstrap.open_kitchen()
        say = api.silent if as_json else click.echo
        machine = api.create(
            cook, bare, driver=driver or "auto", release=release or "bookworm", progress=say
        )
        _tell([{"instance": bare, "machines": [machine.as_json()]}], as_json, _made)
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

    asked = Asked("create", words, _flags(driver=driver), concurrency, as_json)
    _each(asked, made, _made)


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
    """Run SUITE's events on its machines, making them when needed.

    Machines that are made for it begin where the packages of a plan that begins with the same
    steps were installed before; --cold makes them begin from nothing.
    """

    def converged(means: Means, one: Instance) -> Said:
        done = cycle.converge(means, one, driver=driver, cold=cold)
        return {"changed": done.changed, "reports": list(done.reports)}

    flags = _flags(driver=driver, cold=cold, verbose=verbose)
    asked = Asked("converge", words, flags, concurrency, as_json, verbose)
    _each(asked, converged, _nothing_more)


@click.command()
@suites_argument
@driver_option
@concurrency_option
@json_option
def setup(words: tuple[str, ...], driver: str, concurrency: int, as_json: bool) -> None:
    """Make SUITE ready for its checks: converged, running, its setup hooks run."""

    def ready(means: Means, one: Instance) -> Said:
        cycle.setup(means, one, driver=driver)
        return {"ready": True}

    asked = Asked("setup", words, _flags(driver=driver), concurrency, as_json)
    _each(asked, ready, lambda said: f"{said['instance']}: ready for its checks")


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

    flags = (*_flags(driver=driver), *_limited(limits))
    asked = Asked("verify", words, flags, concurrency, as_json, report=report, limits=limits)
    _each(asked, verified, _nothing_more)


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

    flags = (*_flags(driver=driver, cold=cold, keep=keep), *_limited(limits))
    asked = Asked("test", words, flags, concurrency, as_json, report=report, limits=limits)
    _each(asked, tested, _tested)


@click.command()
@suites_argument
@concurrency_option
@json_option
def destroy(words: tuple[str, ...], concurrency: int, as_json: bool) -> None:
    """Take SUITE's machines away, whatever state they are in.

    SUITE may be the name of a machine, too.
    """
    cook = bootstrap.open_kitchen()
    if bare := _bare(words) or (words[0] if words and words[0] in cook.store.names() else ""):
        there = api.destroy(cook, bare)
        _tell([{"instance": bare, "destroyed": there}], as_json, _gone)
        return

    def destroyed(means: Means, one: Instance) -> Said:
        return {"destroyed": cycle.destroy(means, one)}

    _each(Asked("destroy", words, (), concurrency, as_json), destroyed, _gone)


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


def _flags(**given: str | bool) -> tuple[str, ...]:
    """Options as words, for a command that is run for each instance."""
    words: list[str] = []
    for name, value in given.items():
        if value:
            words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return tuple(words)


def _limited(limits: Limits) -> tuple[str, ...]:
    if limits == USUAL:
        return ()
    return (f"--limit={limits.check_s:g}", f"--limit-all={limits.all_s:g}")


def _each(asked: Asked, do: Rung, shown: Callable[[Said], str]) -> None:
    """Do something with each instance that is meant: here for one, else in children."""
    chosen = picked(asked.words)
    if len(chosen) > 1:
        with _reports(asked.report) as more:
            ended = children.run(
                (asked.command, *asked.flags, *more),
                [one.name for one in chosen],
                abreast=asked.concurrency,
                quiet=asked.as_json,
            )
        if asked.as_json:
            tell({"instances": [one.said for one in ended]})
        children.require(ended)
        return

    results: list[Result] = []

    def judged(one: Instance, result: Result) -> None:
        results.append(result)
        if asked.report is not None:
            file = asked.report / f"{one.name}.xml" if asked.report.is_dir() else asked.report
            junit.write(file, {one.name: result})

    try:
        with _means(quiet=asked.as_json, verbose=asked.verbose) as means:
            watched = replace(means, judged=judged, limits=asked.limits)
            said = {"instance": chosen[0].name, **do(watched, chosen[0])}
    except ToqueError as error:
        if not (asked.as_json and results):
            raise
        # How each check went is said beside the error.
        trouble, status = told(error)
        checked = {"instance": chosen[0].name, **results[-1].as_json()}
        tell({"instances": [checked], "error": trouble.as_json(), "exit": status})
        sys.exit(status)
    _tell([said], asked.as_json, shown)


@contextmanager
def _reports(file: Path | None) -> Iterator[Sequence[str]]:
    """What children are told so that ``file`` has the reports of all of them in the end."""
    if file is None:
        yield ()
        return
    with tempfile.TemporaryDirectory(prefix="toque-junit-") as folder:
        yield ["--junit", folder]
        junit.merge(file, sorted(Path(folder).glob("*.xml")))


def _tell(said: Sequence[Said], as_json: bool, shown: Callable[[Said], str]) -> None:
    if as_json:
        tell({"instances": list(said)})
        return
    for one in said:
        if line := shown(one):
            click.echo(line)


@contextmanager
def _means(*, quiet: bool, verbose: bool) -> Iterator[Means]:
    with Shown(quiet=quiet, verbose=verbose, diffs=verbose) as shown:
        yield Means(
            kitchen=bootstrap.open_kitchen(),
            environ=os.environ,
            open_site=bootstrap.open_site,
            connect=bootstrap.connect,
            say=api.silent if quiet else click.echo,
            watch=shown,
            summed=shown.summary,
            stoppable=stoppable,
        )


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
