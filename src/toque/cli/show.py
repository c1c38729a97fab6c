"""A run as it goes, and its end: plain lines in a pipe, a live line and colour on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import click

from ..node.finding import Finding, words
from ..node.model import Facts, Outcome, Report, Status
from ..node.wire import facts_from, outcome_from

if TYPE_CHECKING:
    from rich.text import Text

MARKS = {
    Status.OK: (" ", "bright_black"),
    Status.CHANGED: ("+", "green"),
    Status.WOULD_CHANGE: ("~", "yellow"),
    Status.UNKNOWN: ("?", "yellow"),
    Status.SKIPPED: ("-", "bright_black"),
    Status.FAILED: ("!", "red"),
    Status.NOT_RUN: (".", "bright_black"),
}
DIFF_COLOURS = {"+": "green", "-": "red", "~": "yellow", "@": "cyan"}


class _Live(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...

    def update(self, status: Text) -> None: ...


class Shown:
    """Watches the events of a run.  ``verbose`` also shows steps that changed nothing.

    Lines go to the terminal as they come, or to ``say``.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        verbose: bool = False,
        diffs: bool = True,
        say: Callable[[str], None] = click.echo,
    ) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.diffs = diffs
        self._say = say
        self._live: _Live | None = None
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console

            self._live = Console(stderr=True).status("connecting")
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def confirm(self, question: str) -> None:
        """Ask a person at the terminal.  Raises ``click.Abort`` when the answer is no."""
        if self._live is not None:
            self._live.stop()
        click.confirm(question, abort=True)
        if self._live is not None:
            self._live.start()

    def __call__(self, event: Mapping[str, Any]) -> None:
        """One event from a node; unknown ones are passed over."""
        kind = event.get("type")
        if self.quiet:
            return
        if kind == "facts":
            self.machine(facts_from(event["facts"]))
        elif kind == "step":
            self.now(str(event["id"]))
        elif kind == "progress":
            self.now(f"{event['id']}: {event['text']}")
        elif kind == "outcome":
            self.outcome(outcome_from(event["outcome"]))
        elif kind == "rebooting":
            self.line("  rebooting; waiting until it is back")
        elif kind == "rebooted":
            self.line(f"  back after {event['seconds']:.0f} s")
        elif kind == "warning":
            self.warn("warning [{code}]: {message}".format_map(event["trouble"]))
            if hint := event["trouble"].get("hint"):
                self.warn(printable(f"  try       {hint}"))
        elif kind == "reattach":
            self.line(click.style("  connection lost, attaching again", fg="yellow"))
        elif kind == "broken-off":
            self.heading(f"broken off: {counted(event['report'])}")

    def of(self, node: str) -> Shown:
        """The same for one of several nodes that are worked on side by side."""
        return Shown(
            quiet=self.quiet,
            verbose=self.verbose,
            diffs=self.diffs,
            say=lambda text: self._say(f"{node}: {text.strip()}"),
        )

    def warn(self, text: str) -> None:
        self.line(click.style(f"  {text}", fg="yellow"))

    def machine(self, facts: Facts) -> None:
        """What the node turned out to be, and how its init system was told."""
        words = f"{facts.os} {facts.release}, Python {facts.python}, "
        words += f"{facts.init} ({facts.init_reason})"
        self.line(click.style(f"  {printable(words)}", fg="bright_black"))

    def now(self, text: str) -> None:
        if self._live is not None:
            from rich.text import Text

            # Not a str, in which rich would find markup: colours, and links to anywhere.
            self._live.update(Text(printable(text)[:100]))

    def line(self, text: str) -> None:
        if not self.quiet:
            self._say(text)

    def heading(self, text: str) -> None:
        self.line(click.style(text, bold=True))

    def outcome(self, outcome: Outcome) -> None:
        dull = outcome.status in (Status.OK, Status.SKIPPED, Status.NOT_RUN) and not outcome.actions
        if dull and not self.verbose and not outcome.notes and not outcome.findings:
            return
        mark, colour = MARKS[outcome.status]
        if outcome.status is Status.OK and outcome.actions:
            mark, colour = "*", "cyan"
        seconds = f"  {outcome.seconds:.1f}s" if outcome.seconds >= 0.1 else ""
        verbs = printable(f"  ({', '.join(outcome.actions)})") if outcome.actions else ""
        lines = [click.style(f"  {mark} {printable(outcome.step)}{verbs}", fg=colour) + seconds]
        if self.diffs:
            for text in outcome.diff:
                text = printable(text)
                lines.append("      " + click.style(text, fg=DIFF_COLOURS.get(text[:1])))
        for note in outcome.notes:
            lines.append(f"      note: {printable(note)}")
        for finding in outcome.findings:
            if not finding.refuses:  # what refuses is the error that follows
                lines += _told(finding)
        self.line("\n".join(lines))

    def summary(self, node: str, report: Report) -> None:
        """One closing line a person can trust: how much changed, how long, what is owed."""
        self.heading(f"{node}: {counted(report)}")


def counted(report: Report) -> str:
    """What was done, what failed and what was not tried, in one line."""
    would, unknown = report.count(Status.WOULD_CHANGE), report.count(Status.UNKNOWN)
    parts = [f"{would} would change" if report.mode == "check" else f"{report.changed} changed"]
    if unknown:
        parts.append(f"{unknown} unknown")  # until the steps before them are made
    if report.failed:
        parts.append("1 failed")
    if untried := report.count(Status.NOT_RUN):
        parts.append(f"{untried} not tried")
    parts.append(f"{len(report.outcomes)} steps")
    if report.owed and report.mode != "check":
        parts.append(printable("owed: " + ", ".join(f"{a.verb} {a.target}" for a in report.owed)))
    return f"{', '.join(parts)} ({report.seconds:.1f}s)"


def _told(finding: Finding) -> list[str]:
    """A finding under the line of its step; nothing of it may drive the terminal."""
    first, *more = (printable(line) for line in words(finding))
    return ["      " + click.style(first, fg="yellow"), *(f"      {line}" for line in more)]


def printable(text: str) -> str:
    """A node's text without what could drive a terminal (C0, C1, bidirectional controls)."""
    text = text.replace("\r\n", "\n").replace("\n", " / ")  # a line of ours stays one line
    if text.isprintable():  # as nearly all is; bidirectional controls are not
        return text
    return "".join(c if c == "\t" or (c.isprintable() and not _bidi(c)) else "\ufffd" for c in text)


def _bidi(char: str) -> bool:
    return "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069"


def moment(at: str) -> str:
    """A time that a node has kept, to the second and with its zone: ``2026-11-23T05:33:12Z``."""
    try:
        return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError):
        return printable(at)


def size(count: float) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
