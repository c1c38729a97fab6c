"""Toque's own cookbooks, and its examples, are as it asks of others."""

from __future__ import annotations

from pathlib import Path

import pytest

import toque
from source_tree import ROOT
from toque import bootstrap
from toque.checks.judge import judge
from toque.checks.subject import Book, Subject
from toque.cookbooks.load import library_names
from toque.fleet.project import Project
from toque.fleet.stack import Stack
from toque.usecases import checking, cookbooktexts, locking, sampling
from toque.usecases.definitions import Definitions

TOP = Path(toque.__file__).parent
EXAMPLES = sorted(path.name for path in (ROOT / "examples").iterdir() if path.is_dir())


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_is_wrong_with_an_example(name: str) -> None:
    folder = ROOT / "examples" / name
    here = (folder / "toque.toml").exists()
    project = bootstrap.open_project(folder) if here else locking.repository(folder)

    found = checking.check(bootstrap.open_site(project), bootstrap.project_files)

    assert found.flaws == ()


def library() -> tuple[Book, ...]:
    names = [f"toque.library.{name}" for name in library_names()]
    return tuple(cookbooktexts.read_book(TOP.parent, name, TOP.parent) for name in names)


def test_nothing_is_wrong_with_the_library() -> None:
    books = library()
    own = {name: ev for book in books for name, ev in cookbooktexts.cookbooks_in(book).items()}
    site = bootstrap.open_site(Project(Stack("s"), {}, {}, {}, (), TOP))
    samples = tuple(sampling.samples(site, Definitions((), None, False, {}, ()), own))

    found = judge(Subject(books, cookbooktexts.modules_given(), samples=samples))

    assert [(flaw.rule.code, flaw.seen) for flaw in found.flaws] == []
    assert sorted(own) == sorted(library_names())
    assert {s.label.partition("::")[0] for s in samples} == {n for n, ev in own.items() if ev}
    assert sum(bool(book.templates) for book in books) > len(books) / 2
