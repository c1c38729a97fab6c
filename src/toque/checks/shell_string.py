"""A text that a shell reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..node.model import Step
from .calls import LISTS, Call, calls, elements, words
from .planned import seen_in_plans
from .rule import Rule, Seen
from .source import called
from .subject import Subject
from .words import shell_text

WHAT = "a shell reads this text"
MEND = "write the program and its arguments as a list, or put the script into files/ and run it"


def look(subject: Subject) -> Iterator[Seen]:
    found = [
        (Seen(call.module.path, call.lines[0], WHAT, MEND, call.lines[1]), put_together(text))
        for call, text in shell_texts(subject)
    ]
    yield from (seen for seen, is_value in found if not is_value)
    known = [seen for seen, _ in found]  # shell_value.py tells of the others
    yield from seen_in_plans(subject, known, _by_shell, lambda step: (WHAT, MEND))
    yield from _in_settings(subject)


def _in_settings(subject: Subject) -> Iterator[Seen]:
    """Commands of the apps in toque.toml."""
    for app in subject.apps.values():
        at = subject.spot / "apps" / app.name
        argv = [(at / "migrate", app.migrate)]
        argv += [(at / "workers" / n / "command", one.command) for n, one in app.workers.items()]
        argv += [(at / "schedules" / n / "command", s.command) for n, s in app.schedules.items()]
        argv += [(at / "build" / "command", app.build.command)] if app.build else []
        for spot, given in argv:
            if shell_text(given) is not None:
                where = subject.where(str(spot)) or (subject.spot.file, 1)
                yield Seen(*where, WHAT, "put the script into the repository, and name it here")


def shell_texts(subject: Subject) -> Iterator[tuple[Call, ast.expr]]:
    """Calls of commands and guards, with the text that they hand to a shell."""
    for name, lists in (("Command", LISTS), ("Guard", ("value",)), ("Timer", ("command",)),
                        ("Cron", ("command",))):  # fmt: skip
        for call in calls(subject, name):
            for given in lists:
                position = {"argv": 0, "value": 1, "command": 2}.get(given)
                listed = elements(call, call.given(given, position))
                at = shell_text(words(call, listed)) if listed else None
                if listed and at is not None:
                    yield call, listed[at]


def put_together(text: ast.expr) -> bool:
    """Whether values go into the text, other than quoted for a shell."""
    if isinstance(text, ast.Constant):
        return False
    if isinstance(text, ast.JoinedStr):
        return any(
            isinstance(part, ast.FormattedValue) and not _quoted(part.value) for part in text.values
        )
    if isinstance(text, ast.BinOp) and isinstance(text.op, ast.Add):
        return put_together(text.left) or put_together(text.right)
    if isinstance(text, ast.BinOp):
        return True
    if isinstance(text, ast.Call):
        return called(text) in ("format", "format_map", "join", "replace")
    return False


def _quoted(value: ast.expr) -> bool:
    """Whether it is written by ``shlex``, or cannot be anything but a number or a constant."""
    return isinstance(value, ast.Constant) or (
        isinstance(value, ast.Call) and called(value) in ("quote", "join", "int", "len")
    )


def _by_shell(step: Step) -> bool:
    lists = [step.fields.get(name) or () for name in LISTS] if step.kind == "command" else []
    asked = [guard.value for guard in step.when if guard.test in ("succeeds", "fails")]
    return any(shell_text(list(one)) is not None for one in (*lists, *asked))


RULE = Rule(
    "shell-string",
    "warning",
    "A shell reads a text",
    "A pipe that fails in its middle counts as success, and each change risks a quoting mistake.",
    look,
)
