"""Cookbooks written into a temporary directory, as an author would write them."""

import sys
import textwrap

import pytest

from toque.cookbooks.load import load


@pytest.fixture
def write(tmp_path):
    """``write("import ...", templates={"x.j2": "..."}, name="kitchenware")`` -> its directory."""
    before = set(sys.modules)

    def make(text, *, templates=(), files=(), name="author_book", modules=()):
        package = tmp_path / name
        (package / "templates").mkdir(parents=True, exist_ok=True)
        (package / "files").mkdir(exist_ok=True)
        (package / "__init__.py").write_text(textwrap.dedent(text))
        for file, content in dict(templates).items():
            (package / "templates" / file).write_text(content)
        for file, content in dict(files).items():
            (package / "files" / file).write_bytes(content)
        for file, content in dict(modules).items():
            (package / file).write_text(textwrap.dedent(content))
        return tmp_path

    yield make
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def book(write):
    """``book("body of configure")`` -> a loaded cookbook with that recipe for setup.

    The body's first line is line 23 of ``author_book/__init__.py``.
    """

    def make(body, **more):
        return load(write(HEAD + textwrap.indent(textwrap.dedent(body), "    ") + FOOT, **more))

    return make


HEAD = """\
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from toque import Action, Command, Cookbook, Directory, File, Guard, Package, Recipe, Secret
from toque import Service, Unit


@dataclass(frozen=True)
class Pool:
    size: int = 5


@dataclass(frozen=True)
class Things:
    name: str = "thena"
    processes: int = 3
    pool: Pool = Pool()


def configure(r: Recipe) -> None:
    a = r.attributes(Things)
"""
FOOT = """


cookbook = Cookbook("author_book", attributes=Things, events={"setup": configure})
"""
