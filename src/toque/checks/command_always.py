"""A command that every converge runs."""

from __future__ import annotations

from collections.abc import Iterator

from .calls import calls, elements, is_true, words
from .planned import seen_in_plans
from .rule import Rule, Seen
from .subject import Subject
from .words import restarted

WHAT = "this command runs on every converge"
MEND = "say when it is done: creates=, unless=, only_if= or once=; or only_notified=True"


def look(subject: Subject) -> Iterator[Seen]:
    written = list(_written(subject))
    yield from written
    yield from seen_in_plans(
        subject,
        written,
        lambda step: (
            step.kind == "command"
            and bool(step.fields["always"])
            and not restarted(step.fields["argv"])
        ),
        lambda step: (WHAT, MEND),
    )


def _written(subject: Subject) -> Iterator[Seen]:
    for call in calls(subject, "Command"):
        listed = elements(call, call.given("argv", 0))
        if is_true(call.given("always")) and not (listed and restarted(words(call, listed))):
            yield Seen(call.module.path, call.lines[0], WHAT, MEND, call.lines[1])


RULE = Rule(
    "command-always",
    "warning",
    "A command runs on every converge",
    "No converge is ever without a change, so that a real one is not noticed.",
    look,
)
