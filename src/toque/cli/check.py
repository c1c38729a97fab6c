"""``toque check``: what is wrong with the project here, before a machine finds out."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence

import click

from .. import __version__, bootstrap
from ..checks.judge import Judged
from ..checks.rule import Flaw
from ..errors import BadCookbook
from ..usecases import checking
from . import asked
from .asked import json_option
from .show import printable

WRONG = BadCookbook.exit_status
COLOURS = {"error": "red", "warning": "yellow"}


@click.command()
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "sarif"]),
    default="text",
    show_default=True,
    help="How findings are told; SARIF 2.1.0 is for CI and editors.",
)
@json_option
@click.pass_context
def check(context: click.Context, strict: bool, form: str, as_json: bool) -> None:
    """Find mistakes in the project here and in its cookbooks; no machine is needed.

    Reads their texts, compiles their recipes for a made-up node of each supported release, and
    looks through all files that git does not ignore for keys and tokens.  Nothing is changed, and
    no secret is shown.

    A line "# toque: allow CODE -- REASON" accepts a finding where it stands.

    Exit status: 0 without errors, 3 with some; with --strict 3 with warnings too.

    Example: toque check --strict --format sarif > check.sarif
    """
    if as_json and form != "text":
        raise click.UsageError("--json and --format are two forms of the same: give one of them")
    project = asked.project_or_cookbooks()
    with contextlib.redirect_stdout(sys.stderr):  # what recipes print is none of the findings
        judged = checking.check(bootstrap.open_site(project), bootstrap.project_files)
    if as_json:
        asked.tell(_as_json(judged))
    elif form == "sarif":
        from ..checks.sarif import sarif

        prefix = bootstrap.repository_prefix(project.directory)
        click.echo(json.dumps(sarif(judged, version=__version__, prefix=prefix), indent=2))
    else:
        _show(judged)
    failed = judged.count("error") or (strict and judged.count("warning"))
    context.exit(WRONG if failed else 0)


def _as_json(judged: Judged) -> dict[str, object]:
    return {
        "findings": [flaw.as_json() for flaw in judged.flaws],
        "cookbooks": list(judged.packages),
        "errors": judged.count("error"),
        "warnings": judged.count("warning"),
        "allowed": [{**flaw.as_json(), "reason": reason} for flaw, reason in judged.allowed],
    }


def _show(judged: Judged) -> None:
    """By file; why something is wrong is said with the first of its kind."""
    explained: set[str] = set()
    file = ""
    for flaw in judged.flaws:
        if flaw.seen.path != file:
            file = flaw.seen.path
            click.echo(click.style(printable(file), bold=True))
        for line in _lines(flaw, flaw.rule.code not in explained):
            click.echo(line)
        explained.add(flaw.rule.code)
    click.echo(_summary(judged))


def _lines(flaw: Flaw, explain: bool) -> Sequence[str]:
    rule, seen = flaw.rule, flaw.seen
    severity = click.style(rule.severity, fg=COLOURS[rule.severity], bold=True)
    first = f"  {seen.line:>4}  {severity} [{rule.code}] {printable(seen.what)}"
    why = [f"        why   {rule.why}"] if explain else []
    return [first, *why, f"        mend  {printable(seen.mend)}"]


def _summary(judged: Judged) -> str:
    errors, warnings = judged.count("error"), judged.count("warning")
    allowed = f"; {len(judged.allowed)} allowed" if judged.allowed else ""
    if not judged.flaws:
        return f"nothing to mend in {', '.join(judged.packages) or 'its files'}{allowed}"
    return f"{_number(errors, 'error')}, {_number(warnings, 'warning')}{allowed}"


def _number(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
