"""Where recipes make commands and guards: their words, as far as the text tells them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from .shapes import Scope
from .source import Module, argument, called, text_of
from .subject import Subject
from .words import Words

# Of a Command: what says that it is done.
GUARDS = ("creates", "unless", "only_if", "once", "only_notified")
LISTS = ("argv", "unless", "only_if")


@dataclass(frozen=True)
class Call:
    """A call of ``Command``, ``File`` and so on, with the function around it."""

    module: Module
    node: ast.Call
    function: ast.AST

    @property
    def lines(self) -> tuple[int, int]:
        return self.node.lineno, self.node.end_lineno or self.node.lineno

    def scope(self, subject: Subject) -> Scope:
        """What the names of the function are."""
        every = subject.shapes.functions(self.module)
        return next(scope for node, scope in every if self.node in ast.walk(node))

    def given(self, name: str, position: int | None = None) -> ast.expr | None:
        return argument(self.node, name, position)

    @property
    def whole(self) -> bool:
        """Whether all that it is given can be seen."""
        return all(keyword.arg for keyword in self.node.keywords)


def calls(subject: Subject, name: str) -> Iterator[Call]:
    """The calls of Toque's own class ``name`` in the project's cookbooks."""
    for module in subject.modules:
        for function in module.tree.body:
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and subject.shapes.is_toque(module, node.func, name):
                    yield Call(module, node, function)


def elements(call: Call, expr: ast.expr | None) -> list[ast.expr] | None:
    """The elements of an argument list; None when they cannot be told."""
    if isinstance(expr, ast.Name):
        expr = _value(call, expr.id)
    if isinstance(expr, (ast.Tuple, ast.List)):
        return list(expr.elts)
    if isinstance(expr, ast.Call) and called(expr) == "split" and not expr.args:
        text = text_of(expr.func.value) if isinstance(expr.func, ast.Attribute) else None
        return None if text is None else [ast.Constant(word) for word in text.split()]
    return None


def words(call: Call, listed: list[ast.expr]) -> Words:
    """Each element as text, None for one that is not known."""
    return [word(call, one) for one in listed]


def word(call: Call, expr: ast.expr) -> str | None:
    """The text of an expression, also by a name that has one value."""
    if isinstance(expr, ast.Name):
        return text_of(_value(call, expr.id))
    return text_of(expr)


def is_true(expr: ast.expr | None) -> bool:
    return isinstance(expr, ast.Constant) and expr.value is True


def is_guarded(call: Call) -> bool:
    """Whether one of the ways to be done is given, empty ones left out."""
    return any((given := call.given(name)) is not None and not _empty(given) for name in GUARDS)


def _empty(expr: ast.expr) -> bool:
    if isinstance(expr, ast.Constant):
        return not expr.value
    return isinstance(expr, (ast.Tuple, ast.List)) and not expr.elts


def _value(call: Call, name: str) -> ast.expr | None:
    """The one value that a name has, in the function or else in the module."""
    for body in (call.function, call.module.tree):
        values = [
            node.value
            for node in ast.walk(body)
            if isinstance(node, ast.Assign)
            and any(isinstance(one, ast.Name) and one.id == name for one in node.targets)
        ]
        if values:
            return values[0] if len(values) == 1 else None
    return None
