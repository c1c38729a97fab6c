"""A command on its nodes: one as it goes, several side by side with a block of output for each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from ..errors import Trouble
from ..usecases.abreast import Here, abreast, at_once
from ..usecases.place import Place
from . import asked
from .show import Shown
from .trouble import told, words

T = TypeVar("T")
Work = Callable[[Place, Shown, Here], T]


def each(
    places: Sequence[Place],
    work: Work[T],
    entry: Callable[[Place, T], dict[str, Any]],
    *,
    under: str,
    verbose: bool,
    as_json: bool,
    status: Callable[[T], int] = lambda result: 0,
) -> list[dict[str, Any]]:
    """``work`` on every place; what ``entry`` makes of each result, in the order of ``places``.

    An error of the only node is raised.  Of several, one that fails does not end the others: all
    is told, in JSON as the list ``under`` with an ``error`` where there is no result, and the
    program ends with the largest of their statuses, that of each result among them.
    """
    if len(places) == 1:
        with Shown(quiet=as_json, verbose=verbose) as shown:
            return [entry(places[0], work(places[0], shown, at_once))]

    def one(place: Place, here: Here) -> T:
        lines: list[str] = []
        shown = Shown(quiet=as_json, verbose=verbose, say=lines.append)
        shown.heading(place.node.name)
        try:
            return work(place, shown, here)
        finally:
            here(lambda: click.echo("\n".join(lines), nl=bool(lines)))

    ended = list(zip(places, abreast(places, one)))
    entries = [
        {"node": place.node.name, "error": told(result)[0].as_json()}
        if isinstance(result, Exception)
        else entry(place, result)
        for place, result in ended
    ]
    failed = [(place, told(r)) for place, r in ended if isinstance(r, Exception)]
    if failed:
        largest = max(
            told(result)[1] if isinstance(result, Exception) else status(result)
            for _, result in ended
        )
        if as_json:
            asked.tell({under: entries, "exit": largest})
        else:
            lament((place.node.name, trouble) for place, (trouble, _) in failed)
        sys.exit(largest)
    return entries


def lament(troubles: Iterable[tuple[str, Trouble]]) -> None:
    """The errors of all nodes at the end, where they are seen."""
    for node, trouble in troubles:
        click.echo(click.style(node, bold=True), err=True)
        for line in words(trouble):
            click.echo(line, err=True)
