"""A command that does not say when it is done."""

from __future__ import annotations

from collections.abc import Iterator

from .calls import GUARDS, calls, is_guarded
from .rule import Rule, Seen
from .subject import Subject


def look(subject: Subject) -> Iterator[Seen]:
    for call in calls(subject, "Command"):
        if call.whole and not is_guarded(call) and call.given("always") is None:
            yield Seen(
                call.module.path,
                call.lines[0],
                "a Command without a guard",
                f"say when it is done: {', '.join(GUARDS)}, or always=True",
                call.lines[1],
            )


RULE = Rule(
    "command-unguarded",
    "error",
    "A command does not say when it is done",
    "No plan can be made of it: it would run again on every converge and be a change each time.",
    look,
)
