"""A service that is restarted although nothing has changed."""

from __future__ import annotations

from collections.abc import Iterator

from ..node.model import Step
from .calls import calls, elements, is_guarded, is_true, words
from .planned import seen_in_plans
from .rule import Rule, Seen
from .subject import Subject
from .words import restarted

MEND = 'add Service("NAME") after what it depends on, and notify=service.restart to those steps'
LOOP = "give the command a guard, so that it only notifies when it has changed something"


def look(subject: Subject) -> Iterator[Seen]:
    written = list(_written(subject))
    yield from written
    yield from seen_in_plans(
        subject,
        written,
        lambda step: _always(step) and bool(restarted(step.fields["argv"])),
        lambda step: (_said(restarted(step.fields["argv"])), MEND),
    )
    yield from seen_in_plans(
        subject,
        (),
        lambda step: _always(step) and any(a.verb in ("restart", "reload") for a in step.notify),
        lambda step: (f"{step.notify[0].target} gets a {step.notify[0].verb} on every run", LOOP),
    )


def _written(subject: Subject) -> Iterator[Seen]:
    for call in calls(subject, "Command"):
        listed = elements(call, call.given("argv", 0))
        what = restarted(words(call, listed)) if listed else ""
        if what and call.whole and (is_true(call.given("always")) or not is_guarded(call)):
            yield Seen(call.module.path, call.lines[0], _said(what), MEND, call.lines[1])


def _always(step: Step) -> bool:
    return step.kind == "command" and bool(step.fields["always"])


def _said(what: str) -> str:
    return f"'{what}' runs on every converge, changed or not"


RULE = Rule(
    "restart-unasked",
    "error",
    "A service is restarted without a change",
    "Requests under way are cut off, and a service that no longer starts stays down, for nothing.",
    look,
)
