"""The YAML of kitchen files: what it says, on which lines, and what is refused."""

from __future__ import annotations

import pytest

from toque.chef.tokens import Unreadable
from toque.chef.yamlvalues import read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            "---\na: 1\nb:\n  - x\n  - name: y\n    z: [1, 'two', three]\nc: {d: e}\n",
            {"a": 1, "b": ["x", {"name": "y", "z": [1, "two", "three"]}], "c": {"d": "e"}},
        ),
        ("x: 0.0.0.0\ny: yes\nz: ~\nw: -3\n1: one\n",
         {"x": "0.0.0.0", "y": True, "z": None, "w": -3, "1": "one"}),
        ("day: 2024-05-26\n", {"day": "2024-05-26"}),
        ("a: |\n  b\n  c\n", {"a": "b\nc\n"}),
        ("", {}),
        ("# nothing\n", {}),
    ],
)  # fmt: skip
def test_what_it_says(text: str, value: object):
    assert read(text).plain == value


def test_values_know_their_lines():
    top = read("a: 1\n\nb:\n  - x\n  - y\n\n# note\nc: |\n  d\n  e\nf:\n  g: h\n").data

    assert [(key, value.first, value.last) for key, value in top.items()] == [
        ("a", 1, 1),
        ("b", 3, 5),
        ("c", 8, 10),
        ("f", 11, 12),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: <%= 1 %>", 2),
        ("a: 1\n\tb: 1", 2),
        ("a: 1\na: 2", 2),
        ("a: &x [1]\nb: *x", 2),
        ("a: [1\n", 2),
        ("a: !ruby/object b", 1),
        ("a: 1\n---\nb: 2", 2),
        ("[" * 5000, 1),
    ],
)
def test_refuses_the_rest(text: str, line: int):
    with pytest.raises(Unreadable) as caught:
        read(text)

    assert caught.value.line == line
