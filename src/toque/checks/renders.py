"""Where recipes ask for templates and files, and what they pass."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .shapes import RECIPE, Kind, Scope
from .source import Module, argument, called, text_of
from .subject import Book, Subject

RENDER = "toque.cookbooks.templates.render"


@dataclass(frozen=True)
class Render:
    """``template`` is None when its name is not known; ``values`` are the names that it is given,
    ``complete`` whether those are all."""

    path: str
    line: int
    template: str | None
    values: Mapping[str, Kind | None]
    complete: bool


def renders(subject: Subject, book: Book) -> Iterator[Render]:
    """Every place of a cookbook that renders a template."""
    for module in book.modules:
        for function, scope in subject.shapes.functions(module):
            for node in ast.walk(function):
                if isinstance(node, ast.Call):
                    yield from _rendered(subject, module, function, scope, node)


def _rendered(
    subject: Subject, module: Module, function: ast.AST, scope: Scope, call: ast.Call
) -> Iterator[Render]:
    shapes = subject.shapes
    if isinstance(call.func, ast.Attribute) and called(call) == "render":
        if shapes.kind(module, call.func.value, scope) in (None, Kind(RECIPE)) and call.args:
            given = {k.arg: shapes.kind(module, k.value, scope) for k in call.keywords if k.arg}
            complete = len(given) == len(call.keywords)
            name = text_of(call.args[0])
            yield Render(module.path, call.lineno, name, given, complete)
    elif shapes.origin(module, call.func) == RENDER:
        table = argument(call, "values", 2)
        if isinstance(table, ast.Name):
            table = _assigned(function, table.id)
        keys = table.keys if isinstance(table, ast.Dict) else []
        items = table.values if isinstance(table, ast.Dict) else []
        given = {
            text: shapes.kind(module, item, scope)
            for key, item in zip(keys, items)
            if (text := text_of(key)) is not None
        }
        complete = isinstance(table, ast.Dict) and len(given) == len(keys)
        name = text_of(argument(call, "template", 1))
        yield Render(module.path, call.lineno, name, given, complete)


def _assigned(function: ast.AST, name: str) -> ast.expr | None:
    """The one value that a name of a function gets."""
    values = [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        and any(isinstance(one, ast.Name) and one.id == name for one in node.targets)
    ]
    return values[0] if len(values) == 1 else None
