"""A value that is put into a text for a shell."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .rule import Rule, Seen
from .shell_string import put_together, shell_texts
from .source import argument
from .subject import Subject

MEND = 'pass it as an argument: ("sh", "-c", \'... "$1"\', "sh", value); or use a list without sh'


def look(subject: Subject) -> Iterator[Seen]:
    for call, text in shell_texts(subject):
        if put_together(text):
            what = "a value is put into a text that a shell reads"
            yield Seen(call.module.path, call.lines[0], what, MEND, call.lines[1])
    for module in subject.modules:
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call):
                continue
            origin = subject.shapes.origin(module, node.func)
            shell = argument(node, "shell")
            by_subprocess = origin.startswith("subprocess.") and _is_true(shell)
            if by_subprocess or origin in ("os.system", "os.popen", "subprocess.getoutput"):
                yield Seen(
                    module.path,
                    node.lineno,
                    f"{origin} hands a text to a shell, on the machine where Toque runs",
                    "declare a Command for the node; a recipe only declares",
                    node.end_lineno or node.lineno,
                )


def _is_true(expr: ast.expr | None) -> bool:
    return isinstance(expr, ast.Constant) and bool(expr.value)


RULE = Rule(
    "shell-value",
    "error",
    "A value is put into a text that a shell reads",
    "A value with a blank, a quote or a $ becomes a command of its own, and it runs as root.",
    look,
)
