"""Attributes: which layer wins, and where a wrong value stands."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from toque.cookbooks.attributes import resolve
from toque.errors import AskedWrongly, BadCookbook
from toque.fleet.project import parse_project


@dataclass(frozen=True)
class Pool:
    size: int = 5
    spare: int = 1


@dataclass(frozen=True)
class Things:
    name: str = "thena"
    processes: int = 3
    debug: bool = False
    hosts: tuple[str, ...] = ()
    pool: Pool = Pool()


TEXT = """\
[stack]
name = "s"
[stack.attributes.things]
name = "of the stack"
processes = 4
pool.size = 6
[layers.web]
[nodes.one]
address = "local"
layer = "web"
[nodes.one.attributes.things]
processes = 5
"""


def layers(text=TEXT, run=None):
    project = parse_project(text, Path("/p"))
    return project.attributes_for(project.node("one"), run)


def test_default_then_stack_then_node_then_run():
    origins = {}

    made = resolve(Things, "things", layers(run={"things": {"debug": True}}), origins=origins)

    assert made == Things("of the stack", 5, True, (), Pool(6, 1))
    assert origins["name"] == "toque.toml:4"
    assert origins["processes"] == "toque.toml:12"
    assert origins["debug"] == "the command line [things.debug]"
    assert origins["pool.size"] == "toque.toml:6"
    assert origins["pool.spare"] == "default"
    assert origins["hosts"] == "default"


def test_other_cookbooks_tables_do_not_matter():
    assert resolve(Things, "other", layers()) == Things()


@pytest.mark.parametrize(
    ("line", "expected", "found"),
    [
        ('processes = "5"', "a whole number", "'5' (text)"),
        ("processes = true", "a whole number", "true (true or false)"),
        ("debug = 1", "true or false", "1 (a whole number)"),
        ('hosts = "a"', "a list of text", "'a' (text)"),
        ("pool = 1", "a table", "1 (a whole number)"),
    ],
)
def test_type_error_names_key_line_expected_and_found(line, expected, found):
    with pytest.raises(AskedWrongly) as caught:
        resolve(Things, "things", layers(TEXT.replace("processes = 5", line)))

    trouble = caught.value.trouble
    assert trouble.code == "wrong-type"
    assert trouble.place == "toque.toml:12"
    assert (trouble.expected, trouble.found) == (expected, found)
    assert line.split(" = ", maxsplit=1)[0] in trouble.message


def test_weaker_layer_is_checked_too_when_it_names_an_unknown_key():
    with pytest.raises(AskedWrongly) as caught:
        resolve(Things, "things", layers(TEXT.replace('name = "of', 'nmae = "of')))

    trouble = caught.value.trouble
    assert (trouble.code, trouble.place) == ("unknown-key", "toque.toml:4")
    assert trouble.hint == "did you mean 'name'?"


def test_required_attribute_says_where_to_write_it():
    @dataclass(frozen=True)
    class Needs:
        domain: str

    with pytest.raises(AskedWrongly) as caught:
        resolve(Needs, "things", ())

    assert caught.value.code == "key-missing"
    assert "[stack.attributes.things]" in str(caught.value)
    assert caught.value.trouble.expected == "domain = text"


def test_table_that_is_no_table():
    text = TEXT.replace("[nodes.one.attributes.things]\nprocesses = 5", "attributes.things = 5")

    with pytest.raises(AskedWrongly) as caught:
        resolve(Things, "things", layers(text))

    assert caught.value.code == "wrong-type"
    assert caught.value.trouble.place == "toque.toml:11"


def test_default_of_another_type_is_the_cookbooks_mistake():
    @dataclass(frozen=True)
    class Wrong:
        processes: int = "3"  # type: ignore[assignment]

    with pytest.raises(BadCookbook) as caught:
        resolve(Wrong, "things", ())

    assert caught.value.code == "attribute-default"
    assert "Wrong.processes" in str(caught.value)


def test_annotation_that_is_not_known_is_the_cookbooks_mistake():
    @dataclass(frozen=True)
    class Wrong:
        processes: "NoSuchType" = 3  # noqa: F821

    with pytest.raises(BadCookbook) as caught:
        resolve(Wrong, "things", ())

    assert caught.value.code == "attribute-default"
    assert "NoSuchType" in caught.value.trouble.found
