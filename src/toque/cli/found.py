"""What `toque up` and `toque init` say: what was found, what is unusual, where the site is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from ..detect import Detected
from ..detect.summary import lines
from .show import printable

WIDTH = 9  # of the words in front


def line(word: str, value: str, why: str = "", *, colour: str | None = None) -> None:
    """A word, a value and its reason."""
    text = click.style(f"  {word:<{WIDTH}}", bold=True) + click.style(printable(value), fg=colour)
    click.echo(text + (click.style(f"  ({printable(why)})", fg="bright_black") if why else ""))


def note(words: str, why: str = "") -> None:
    line("note", words, why, colour="yellow")


def tell(found: Detected) -> None:
    """All that was found, each line with its reason."""
    for word, value, why in lines(found):
        line(word, value, why, colour="yellow" if word == "note" else None)


def tell_commit(commit: str, subject: str, uncommitted: Sequence[str]) -> None:
    """What is deployed, and what lies around and is not."""
    line("commit", f"{commit[:12]} {subject}")
    if uncommitted:
        names = ", ".join(uncommitted[:3]) + (" ..." if len(uncommitted) > 3 else "")
        note(f"not committed, so not deployed: {names}", "git add -A && git commit")


def as_json(found: Detected) -> list[dict[str, Any]]:
    return [{"what": word, "value": value, "why": why} for word, value, why in lines(found)]


def farewell(url: str, app: str, node: str, *, again: bool) -> None:
    """Where the site is, and the ways back; on a terminal also as a picture for a telephone."""
    click.echo(f"\n{click.style(url, bold=True)}")
    if sys.stdout.isatty():
        import segno

        segno.make(url, micro=False).terminal(compact=True)
    if again:
        line("undo", f"toque rollback {app}", "the release before; its data stays as it is")
    line("remove", f"toque remove {node}", "gives the machine back as it was found")
    line("own", "toque init", "writes all of this down: a toque.toml and a cookbook")
