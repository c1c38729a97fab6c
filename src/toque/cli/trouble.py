"""How an error leaves the program: words on standard error, or one JSON object."""

from __future__ import annotations

import json
import sys
import traceback
from typing import NoReturn

import click

from ..errors import ToqueError, Trouble
from ..node.finding import words as finding_words
from ..node.wire import finding_from
from .show import printable


def leave(error: Exception, *, as_json: bool) -> NoReturn:
    """Say what went wrong and exit with its status."""
    trouble, status = told(error)
    if as_json:
        click.echo(json.dumps({"error": trouble.as_json(), "exit": status}))
    else:
        for line in words(trouble):
            click.echo(line, err=True)
    sys.exit(status)


def told(error: Exception) -> tuple[Trouble, int]:
    """What an error says, and the status of its family; 70 for a bug of ours."""
    if isinstance(error, ToqueError):
        return error.trouble, error.exit_status
    bug = Trouble(
        "toque-bug",
        f"{type(error).__name__}: {error}",
        hint="this is a bug of ours; please report it with the lines below",
        log=tuple("".join(traceback.format_exception(error)).splitlines()[-12:]),
    )
    return bug, 70


def usage(message: str) -> NoReturn:
    """A command line that cannot be understood, as JSON."""
    trouble = Trouble("usage", message, hint="toque --help")
    click.echo(json.dumps({"error": trouble.as_json(), "exit": 2}))
    sys.exit(2)


def words(trouble: Trouble) -> list[str]:
    """An error as lines for a person; colour is dropped by click where there is no terminal.

    Much of it is what a node, a program or a file said: none of it may drive the terminal.
    """
    said = printable(f"[{trouble.code}] {trouble.message}")
    lines = [f"{click.style('error', fg='red', bold=True)} {said}"]
    lines += [
        f"  {name:<9} {printable(text)}"
        for name, text in (
            ("at", trouble.place),
            ("expected", trouble.expected),
            ("found", trouble.found),
        )
        if text
    ]
    if trouble.log:
        lines.append("  last lines:")
        lines += [f"    | {printable(line)}" for line in trouble.log]
    lines += _also(trouble)
    if trouble.hint:
        lines.append(f"  {click.style('try', bold=True)}       {printable(trouble.hint)}")
    return lines


def _also(trouble: Trouble) -> list[str]:
    """What else was refused: one mistake often hides the next, and both can be mended at once."""
    findings = [finding_from(finding) for finding in trouble.findings]
    others = [
        finding
        for finding in findings
        if finding.refuses
        and not (finding.code == trouble.code and trouble.message.endswith(finding.message))
    ]
    return [f"  {printable(line)}" for finding in others for line in finding_words(finding)]
