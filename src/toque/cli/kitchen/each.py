"""A command for each instance that is meant: here for one, in processes of their own for more."""

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
from ...errors import ToqueError
from ...kitchen import api, junit
from ...kitchen.instance import Instance
from ...kitchen.outcome import Result
from ...kitchen.verify import USUAL, Limits
from ...usecases.means import Means
from ..asked import stoppable, tell
from ..show import Shown
from ..trouble import told
from . import children
from .suites import picked

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


def flags_of(**given: str | bool) -> tuple[str, ...]:
    """Options as words, for a command that is run for each instance."""
    words: list[str] = []
    for name, value in given.items():
        if value:
            words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return tuple(words)


def limits_of(limits: Limits) -> tuple[str, ...]:
    if limits == USUAL:
        return ()
    return (f"--limit={limits.check_s:g}", f"--limit-all={limits.all_s:g}")


def each(asked: Asked, do: Rung, shown: Callable[[Said], str]) -> None:
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
    show([said], asked.as_json, shown)


@contextmanager
def _reports(file: Path | None) -> Iterator[Sequence[str]]:
    """What children are told so that ``file`` has the reports of all of them in the end."""
    if file is None:
        yield ()
        return
    with tempfile.TemporaryDirectory(prefix="toque-junit-") as folder:
        yield ["--junit", folder]
        junit.merge(file, sorted(Path(folder).glob("*.xml")))


def show(said: Sequence[Said], as_json: bool, shown: Callable[[Said], str]) -> None:
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
