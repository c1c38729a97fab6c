"""Code that mypy has agreed to: Toque's own.  Whatever is found in it is a false alarm."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import toque
from toque.checks import import_broken, unknown_attribute
from toque.checks.reads import reads
from toque.checks.source import Module
from toque.checks.subject import Book, Subject
from toque.usecases.cookbooktexts import read_book

TOP = Path(toque.__file__).parent
OWN = ("toque.cookbooks.", "toque.usecases.", "toque.library.")


@pytest.fixture(scope="module")
def code() -> Subject:
    """Three packages as if they were a cookbook's, with all others to look names up in."""
    whole = read_book(TOP.parent, "toque", TOP.parent)
    own = tuple(module for module in whole.modules if module.name.startswith(OWN))
    return Subject((Book("toque", "", own),), {module.name: module for module in whole.modules})


def test_no_attribute_of_right_code_is_unknown(code: Subject) -> None:
    every = list(reads(code))
    known = [read for read in every if read.kind]

    print(f"{len(code.modules)} modules, {len(every)} reads, of {len(known)} the kind is known")
    assert list(unknown_attribute.look(code)) == []
    assert len(known) > len(every) / 3  # or the rule would hardly ever say anything


def test_no_import_of_right_code_is_broken(code: Subject) -> None:
    everything = Book("toque", "", tuple(code.around.values()))  # so that each module is there

    assert list(import_broken.look(Subject((everything,)))) == []


def test_each_misspelt_attribute_of_a_known_kind_is_found(code: Subject) -> None:
    module = code.around["toque.usecases.lifecycle"]
    known = {(read.line, read.name) for read in reads(Subject((_book(module),), code.around))
             if read.kind and not read.kind.many and _closed(code, read.kind.ref)}  # fmt: skip
    tree = ast.parse(module.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (node.lineno, node.attr) in known:
            node.attr += "_"
    wrong = Module(module.name, module.path, module.text, tree)

    found = list(unknown_attribute.look(Subject((_book(wrong),), code.around)))

    # Of a chain a.b.c, the kind of a.b is gone with b.
    assert len(found) > 50
    assert len(found) > len(known) * 0.7


def _book(module: Module) -> Book:
    return Book("toque", "", (module,))


def _closed(code: Subject, ref: tuple[str, str]) -> bool:
    return not code.shapes.shape(ref).open
