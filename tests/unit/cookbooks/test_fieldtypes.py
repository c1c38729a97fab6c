"""Values of other types than a field declares are told where they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from toque import Command, Cookbook, Directory, File, Package, Service, Timer, User
from toque.cookbooks.fieldtypes import misfits, unwritable
from toque.errors import BadCookbook
from toque.node.values import Secret
from toque.testing import compile_recipe


@pytest.mark.parametrize(
    ("resource", "wrong"),
    [
        (File("/a", content=3), {"content": "str or bytes or Secret or Blob"}),
        (User("jo", groups="adm"), {"groups": "tuple"}),
        (User("jo", system="yes"), {"system": "bool"}),
        (Directory("/a", mode="0755"), {"mode": "int"}),
        (Service("a", running="yes"), {"running": "bool"}),
        (Timer("a", 3, "ls"), {"schedule": "str", "command": "tuple"}),
    ],
    ids=repr,
)
def test_a_value_of_another_type_is_named(resource, wrong):
    assert misfits(resource) == wrong


@pytest.mark.parametrize(
    "resource",
    [
        File("/a", content=Secret("a", "b")),
        File("/a", content=b"a", check=["true"]),
        File("/a", content=None),
        User("jo", groups=["adm"]),
        Command(("a",), always=True, timeout_s=3),
    ],
    ids=repr,
)
def test_what_a_field_takes_is_passed_over(resource):
    assert misfits(resource) == {}


@pytest.mark.parametrize(
    "resource",
    [Directory("/a", mode="0755"), User("jo", groups="adm"), Package("a", 3)],
    ids=repr,
)
def test_the_recipe_s_line_is_told(resource):
    with pytest.raises(BadCookbook) as caught:
        compile_recipe(Cookbook("a", events={"setup": lambda r: r.add(resource) and None}))

    assert caught.value.trouble.code == "bad-resource-field"
    assert "test_fieldtypes.py" in caught.value.trouble.place


@dataclass(frozen=True)
class Anything(File):
    """A type whose author says nothing of one field."""

    value: Any = None


def test_field_that_takes_anything_is_left_alone() -> None:
    assert misfits(Anything("/a", content="x", value=object())) == {}
    assert set(misfits(Anything("/a", content=3, value=object()))) == {"content"}


@pytest.mark.parametrize(
    ("resource", "wrong"),
    [
        (File("/a", content="half \udc80"), ["content"]),
        (File("/\udc80", content=""), ["path"]),
        (User("jo", groups=("adm", "\ud800")), ["groups"]),
        (Package("a", versions={"a": "\udfff"}), ["versions"]),
        (File("/a", content="whole \U0001f600 é"), []),
    ],
    ids=ascii,
)
def test_text_that_no_file_can_hold_is_named(resource, wrong):
    assert unwritable(resource) == wrong


def test_text_that_no_file_can_hold_is_refused_where_it_is_written():
    def setup(r):
        r.add(File("/a", content="half \udc80"))

    with pytest.raises(BadCookbook) as caught:
        compile_recipe(Cookbook("site", events={"setup": setup}))

    assert caught.value.code == "bad-resource-field"
    assert "UTF-8" in caught.value.trouble.expected
