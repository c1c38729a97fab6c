"""A template or a file of a cookbook that nothing uses."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Iterator

from .rule import Rule, Seen
from .source import called, text_of
from .subject import Book, Subject
from .templates import taken_in

TAKERS = ("render", "file", "tree")
LETTERS = re.compile(r"\w\w")  # or f"{major}.{minor}" would be a name of every file


def look(subject: Subject) -> Iterator[Seen]:
    for book in subject.books:
        named = _named(book)
        if named is None:
            continue
        paths = {name: text.path for name, text in book.templates.items()}
        taken = [one for text in book.templates.values() for one in taken_in(text.text)]
        if None in taken:
            paths = {}
        words = named | {one for one in taken if one}
        for what, these in (("template", paths), ("file", book.files)):
            for name, path in these.items():
                if not _is_named(name, words):
                    yield Seen(
                        path,
                        1,
                        f"nothing uses the {what} {name}",
                        f"name it in a recipe, or remove it: git rm {path}",
                    )


def _named(book: Book) -> frozenset[str] | None:
    """All texts of a cookbook's code, as patterns; None when names are made that nobody can tell.

    A name may also be kept somewhere before it is used, so that every text counts.
    """
    found: set[str] = set()
    for module in book.modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.JoinedStr) and LETTERS.search(_pattern(node)):
                found.add(_pattern(node))
            elif isinstance(node, ast.Call) and called(node) in TAKERS:
                given = node.args[:2]
                found |= {_pattern(one) for one in given if isinstance(one, ast.JoinedStr)}
                if any(isinstance(one, ast.BinOp) for one in given):
                    return None
    return frozenset(found - {""})


def _pattern(node: ast.JoinedStr) -> str:
    return "".join(text_of(part) or "*" for part in node.values)


def _is_named(name: str, words: frozenset[str]) -> bool:
    """By its name, its last part, a folder that it is in, or a pattern."""
    parts = name.split("/")
    folders = {"/".join(parts[:at]) for at in range(1, len(parts))}
    names = {name, parts[-1], *folders}
    return bool(names & words) or any(
        "*" in word and fnmatch.fnmatchcase(one, word) for word in words for one in names
    )


RULE = Rule(
    "unused-file",
    "warning",
    "A template or file is used by nothing",
    "Somebody will edit it and wonder why no machine changes.",
    look,
)
