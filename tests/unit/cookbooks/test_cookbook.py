"""A cookbook checks itself when it is made; loading names what is wrong and where."""

import importlib.metadata
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from toque.cookbooks.cookbook import Cookbook
from toque.cookbooks.load import find, load, load_all, load_paths
from toque.errors import AskedWrongly, BadCookbook

BOOK = 'from toque import Cookbook\ncookbook = Cookbook("{}")\n'


def refused(function, *arguments):
    with pytest.raises(BadCookbook) as caught:
        function(*arguments)
    return caught.value


def test_root_is_the_folder_of_the_file_that_makes_it():
    assert Cookbook("x").root == Path(__file__).resolve().parent


def test_event_that_is_none_names_nearest_and_place():
    error = refused(lambda: Cookbook("x", events={"setpu": lambda r: None}))

    assert (error.code, error.trouble.hint) == ("unknown-event", "did you mean 'setup'?")
    assert error.trouble.place.startswith("test_cookbook.py:")


def test_attributes_have_to_be_frozen():
    @dataclass
    class Loose:
        x: int = 1

    assert refused(lambda: Cookbook("x", attributes=Loose)).code == "attributes-not-frozen"
    assert refused(lambda: Cookbook("x", attributes=int)).code == "attributes-not-frozen"


def test_package_in_a_directory_is_loaded(write):
    base = write(BOOK.format("author_book"))

    assert load(base).name == "author_book"
    assert load(base / "author_book") is load(base)
    assert load(base).root == base.resolve() / "author_book"
    assert str(base) not in sys.path


def test_src_layout_is_loaded(tmp_path, write):
    base = write(BOOK.format("src_book"), name="src/src_book")

    assert load(base).root == base.resolve() / "src" / "src_book"


def test_several_cookbooks_in_one_folder(write):
    write(BOOK.format("b_book"), name="b_book")
    base = write(BOOK.format("a_book"), name="a_book")

    assert [c.name for c in load_all(base)] == ["a_book", "b_book"]
    assert refused(load, base).code == "cookbook-ambiguous"


def test_another_directory_with_the_same_package_replaces_the_first(tmp_path, write):
    first = load(write(BOOK.format("author_book")))
    other = tmp_path / "other" / "author_book"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text(BOOK.format("author_book"))

    second = load(tmp_path / "other")

    assert (first.root, second.root) == (tmp_path.resolve() / "author_book", other.resolve())


def test_import_error_names_place_and_lines(write):
    error = refused(load, write("import toque\n\nimport no_such_module_at_all\n"))

    assert error.code == "cookbook-import"
    assert error.trouble.place == "author_book/__init__.py:3"
    assert "no_such_module_at_all" in str(error)
    assert error.exit_status == 3


def test_syntax_error_names_its_line(write):
    error = refused(load, write("x = 1\nif x\n"))

    assert (error.code, error.trouble.place) == ("cookbook-import", "author_book/__init__.py:2")


def test_cookbook_that_exits_when_imported_does_not_end_the_process(write):
    assert refused(load, write("raise SystemExit(0)\n")).code == "cookbook-import"


def test_mistake_of_the_cookbook_itself_keeps_its_own_code(write):
    text = 'from toque import Cookbook\ncookbook = Cookbook("x", events={"stup": print})\n'

    error = refused(load, write(text))

    assert (error.code, error.trouble.place) == ("unknown-event", "author_book/__init__.py:2")


@pytest.mark.parametrize("text", ["", "cookbook = 1\n"])
def test_package_without_a_cookbook(write, text):
    error = refused(load, write(text))

    assert error.code == "cookbook-missing"
    assert "author_book" in error.trouble.found


def test_directory_that_is_not_there(tmp_path):
    assert refused(load, tmp_path / "no").code == "cookbook-missing"
    assert refused(load, tmp_path).code == "cookbook-missing"


def test_name_of_another_module_is_taken(write):
    error = refused(load, write(BOOK.format("json"), name="json"))

    assert error.code == "cookbook-name-taken"


def test_cookbooks_are_found_by_name(write):
    loaded = load_paths([write(BOOK.format("author_book"))])

    assert find("author_book", loaded).name == "author_book"
    with pytest.raises(AskedWrongly) as caught:
        find("auhtor_book", loaded)
    assert caught.value.code == "unknown-cookbook"
    assert caught.value.trouble.hint == "did you mean 'author_book'?"


def test_built_in_cookbook_is_not_replaced_by_what_is_installed(write, monkeypatch):
    """Nor are the packages of this Python looked through for it."""
    asked = []
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **wanted: asked.append(wanted))

    assert find("nginx", {}).name == "nginx"
    assert asked == []


def test_names_that_could_reach_other_modules_are_unknown():
    for name in ("..errors", "x.y", ""):
        with pytest.raises(AskedWrongly):
            find(name, {})
