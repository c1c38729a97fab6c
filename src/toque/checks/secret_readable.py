"""A file with a secret that others can read."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .calls import calls
from .rule import Rule, Seen
from .shapes import SECRET, Kind
from .subject import Subject

MEND = "mode=0o600, or 0o640 with the group that has to read it"
OTHERS = 0o007


def look(subject: Subject) -> Iterator[Seen]:
    for call in calls(subject, "File"):
        scope = call.scope(subject)
        content, mode = call.given("content", 1), call.given("mode", 4)
        if not call.whole or subject.shapes.kind(call.module, content, scope) != Kind(SECRET):
            continue
        number = 0o644 if mode is None else _number(mode)
        if number is not None and number & OTHERS:
            what = f"a File with a secret has mode {number:#o}"
            yield Seen(call.module.path, call.lines[0], what, MEND, call.lines[1])
    yield from _parts(subject)


def _parts(subject: Subject) -> Iterator[Seen]:
    """Lines and blocks with a secret, in a file that the same plan lets others read."""
    for sample in subject.samples:
        modes = {
            step.fields["path"]: step.fields["mode"] for step in sample.steps if step.kind == "file"
        }
        for step in sample.steps:
            text = step.fields.get("line" if step.kind == "line" else "text")
            if step.kind not in ("line", "block") or not isinstance(text, dict):
                continue
            mode, where = modes.get(step.fields["path"]), subject.where(step.place)
            if mode is not None and mode & OTHERS and where:
                what = f"a secret goes into {step.fields['path']}, which has mode {mode:#o}"
                yield Seen(*where, what, MEND, subject.statement(*where)[1])


def _number(expr: ast.expr) -> int | None:
    return expr.value if isinstance(expr, ast.Constant) and isinstance(expr.value, int) else None


RULE = Rule(
    "secret-readable",
    "error",
    "A file with a secret can be read by others",
    "Every user of the machine, and every app on it, can read the secret.",
    look,
)
