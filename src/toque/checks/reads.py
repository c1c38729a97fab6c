"""Which attributes recipes and templates read, and of what."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .renders import Render, renders
from .shapes import Kind, Scope
from .source import Module, called, text_of
from .subject import Book, Subject
from .templates import names_read

WHOLE = ("asdict", "astuple", "vars", "fields", "getattr")  # read any attribute of what they get


@dataclass(frozen=True)
class Read:
    """``name`` of a ``kind`` (None when that is not known) is read at a place; an empty name
    stands for all of them."""

    path: str
    line: int
    name: str
    kind: Kind | None


def reads(subject: Subject) -> Iterator[Read]:
    """Every attribute that the project's cookbooks read."""
    for book in subject.books:
        for module in book.modules:
            for node, scope in subject.shapes.functions(module):
                yield from _in_python(subject, module, node, scope)
        yield from _in_templates(subject, book)


def _in_python(subject: Subject, module: Module, function: ast.AST, scope: Scope) -> Iterator[Read]:
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            kind = subject.shapes.kind(module, node.value, scope)
            yield Read(module.path, node.lineno, node.attr, kind)
        elif isinstance(node, ast.Call) and called(node) in WHOLE and node.args:
            kind = subject.shapes.kind(module, node.args[0], scope)
            named = text_of(node.args[1]) if called(node) == "getattr" and node.args[1:] else None
            if kind is None and subject.shapes.class_of(module, node.args[0]):
                kind = Kind(subject.shapes.class_of(module, node.args[0]) or ("", ""))
            yield Read(module.path, node.lineno, named or "", kind)


def _in_templates(subject: Subject, book: Book) -> Iterator[Read]:
    known = kinds_in_templates(renders(subject, book))
    for name, template in book.templates.items():
        for line, path in names_read(template.text):
            kind = known.get(name, {}).get(path[0])
            for attr in path[1:]:
                yield Read(template.path, line, attr, kind)
                shape = subject.shapes.shape(kind.ref) if kind and not kind.many else None
                kind = shape.kinds.get(attr) if shape else None


def kinds_in_templates(found: Iterator[Render]) -> Mapping[str, Mapping[str, Kind | None]]:
    """What each name of each template is, where all who render it agree."""
    known: dict[str, dict[str, Kind | None]] = {}
    for one in found:
        if one.template is None:
            continue
        names = known.setdefault(one.template, {})
        for name, kind in one.values.items():
            names[name] = kind if names.get(name, kind) == kind else None
    return known
