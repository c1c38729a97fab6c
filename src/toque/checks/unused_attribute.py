"""An attribute that is declared and that nothing reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .reads import Read, reads
from .rule import Rule, Seen
from .source import Module, argument, called
from .subject import Book, Subject


def look(subject: Subject) -> Iterator[Seen]:
    every = list(reads(subject))
    for book in subject.books:
        for module, ref in _declared(subject, book):
            shape = subject.shapes.shape(ref)
            if _whole(every, ref):
                continue
            for name, line in shape.fields.items():
                if line and not _is_read(every, ref, name):
                    yield Seen(
                        module.path,
                        line,
                        f"nothing reads {ref[1]}.{name}",
                        f"use {name} in a recipe or template, or remove it",
                    )


def _declared(subject: Subject, book: Book) -> Iterator[tuple[Module, tuple[str, str]]]:
    """The attribute classes of a cookbook, with those of the tables inside them."""
    own = {module.name: module for module in book.modules}
    wanted = [
        ref
        for module in book.modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and called(node) == "Cookbook"
        if (given := argument(node, "attributes", 1)) is not None
        if (ref := subject.shapes.class_of(module, given)) is not None
    ]
    done = set()
    while wanted:
        ref = wanted.pop()
        if ref in done or ref[0] not in own:
            continue
        done.add(ref)
        yield own[ref[0]], ref
        shape = subject.shapes.shape(ref)
        wanted += [kind.ref for name, kind in shape.kinds.items() if name in shape.fields]


def _whole(every: list[Read], ref: tuple[str, str]) -> bool:
    """Whether something takes the attributes as a whole, and may read any of them."""
    return any(not one.name and (one.kind is None or one.kind.ref == ref) for one in every)


def _is_read(every: list[Read], ref: tuple[str, str], name: str) -> bool:
    """Whether it is read, or something of that name of who knows what."""
    return any(one.name == name and (one.kind is None or one.kind.ref == ref) for one in every)


RULE = Rule(
    "unused-attribute",
    "warning",
    "An attribute is declared that nothing reads",
    "Whoever sets it believes that something changes, and nothing does.",
    look,
)
