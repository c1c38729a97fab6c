"""Each level of an attribute with its value and place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from toque.cookbooks.explain import Explained, explain
from toque.errors import AskedWrongly
from toque.fleet.attribute_layer import AttributeLayer
from toque.fleet.project import parse_project
from toque.fleet.spot import Spot
from toque.node.values import Secret


@dataclass(frozen=True)
class Pool:
    size: int = 5
    spare: int = 1


@dataclass(frozen=True)
class Web:
    name: str  # required
    size: int = 3
    hosts: tuple[str, ...] = ()
    limits: Mapping[str, int] = field(default_factory=lambda: {"open": 1})
    none: Mapping[str, int] = field(default_factory=dict)
    pool: Pool = Pool(6)
    key: Secret = field(default_factory=lambda: Secret("key", "never to be seen"))


TEXT = """\
[stack]
name = "s"
[stack.attributes.web]
name = "of the stack"
hosts = ["a"]
limits.files = 2
[layers.web]
[layers.web.attributes.web]
size = 4
[nodes.one]
address = "local"
layer = "web"
[nodes.one.attributes.web]
size = 5
hosts = ["b"]
pool.size = 9
"""


@pytest.fixture
def found() -> dict[str, Explained]:
    project = parse_project(TEXT, Path("/p"))
    layers = (
        AttributeLayer("cookbook top", {"web": {"size": 2}}, Spot("top.py", (), {(): 7})),
        *project.attributes_for(project.node("one"), {"web": {"limits": {"files": 3}}}),
    )
    return {one.key: one for one in explain(Web, "web", layers)}


def levels(one: Explained) -> list[tuple[str, object]]:
    return [(level.name, level.value) for level in one.levels]


def test_every_level_is_told_weakest_first_and_the_last_wins(found: dict[str, Explained]) -> None:
    assert levels(found["web.size"]) == [
        ("default", 3),
        ("cookbook top", 2),
        ("layer web", 4),
        ("node one", 5),
    ]
    assert [level.wins for level in found["web.size"].levels] == [False, False, False, True]
    assert found["web.size"].value == 5


def test_places_are_lines(found: dict[str, Explained]) -> None:
    places = [level.place for level in found["web.size"].levels]
    here = Path(__file__).read_text().splitlines().index("    size: int = 3") + 1

    assert places[0].endswith(f"test_explain.py:{here}")
    assert places[1:] == ["top.py:7", "toque.toml:9", "toque.toml:14"]
    assert found["web.limits.files"].levels[-1].place == "the command line [web.limits.files]"


def test_lists_replace_and_mappings_and_dataclasses_have_keys_of_their_own(
    found: dict[str, Explained],
) -> None:
    assert levels(found["web.hosts"]) == [
        ("default", []),
        ("stack", ["a"]),
        ("node one", ["b"]),
    ]
    assert levels(found["web.limits.files"]) == [("stack", 2), ("run", 3)]
    assert levels(found["web.limits.open"]) == [("default", 1)]
    assert levels(found["web.pool.size"]) == [("default", 6), ("node one", 9)]
    assert levels(found["web.pool.spare"]) == [("default", 1)]
    assert levels(found["web.none"]) == [("default", {})]


def test_what_is_told_is_what_a_recipe_gets(found: dict[str, Explained]) -> None:
    assert list(found) == [
        "web.name",
        "web.size",
        "web.hosts",
        "web.limits.files",
        "web.limits.open",
        "web.none",
        "web.pool.size",
        "web.pool.spare",
        "web.key",
    ]


def test_secret_is_not_shown(found: dict[str, Explained]) -> None:
    assert levels(found["web.key"]) == [("default", "***")]
    assert "never to be seen" not in repr(found)


def test_missing_value_is_an_error_that_says_where_it_belongs() -> None:
    with pytest.raises(AskedWrongly) as caught:
        explain(Web, "web", ())

    assert caught.value.code == "key-missing"
