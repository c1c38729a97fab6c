"""The YAML of kitchen files: as PyYAML reads it, or not at all."""

from __future__ import annotations

import pytest
import yaml as pyyaml
from hypothesis import given, settings
from hypothesis import strategies as st

from toque.chef.tokens import Unreadable
from toque.chef.yaml import read

PIECES = st.sampled_from(
    ["a", "b: 1", "- x", "- name: y", "  ", "    ", "\n", "\n", ": ", "k:", "'q r'", '"s"',
     "[a, 'b']", "{c: d}", "# note", "true", "~", "- ", "0.0.0.0", "recipe[x::y]", "12"]
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "---\na: 1\nb:\n  - x\n  - name: y\n    z: [1, 'two', three]\nc: {d: e}\n",
        "a:\n- 1\n- 2\nb: # note\n  c: 'it # stays'\n",
        "- - 1\n  - 2\n- 3\n",
        "suites:\n  - name: default\n    run_list:\n      - recipe[a::b]\n    attributes:\n",
        "x: 0.0.0.0\ny: yes\nz: ~\nw: -3\n",
    ],
)
def test_reads_as_pyyaml_does(text: str):
    assert read(text).plain == pyyaml.safe_load(text)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_never_reads_something_else(text: str):
    try:
        ours = read(text).plain
    except Unreadable:
        return
    try:
        theirs = pyyaml.safe_load(text)
    except pyyaml.YAMLError:
        return  # what no reader takes is read leniently
    assert (ours or None) == (theirs or None)


@pytest.mark.parametrize(
    "text",
    ["a: &x 1", "a: *x", "a: |\n  b", "a: !t b", "a: <%= 1 %>", "\ta: 1", "a: 1\na: 2", "a: [[1]]"],
)
def test_refuses_the_rest(text: str):
    with pytest.raises(Unreadable):
        read(text)


def test_values_know_their_lines():
    top = read("a: 1\n\nb:\n  - x\n  - y\n").data

    assert [(key, value.first, value.last) for key, value in top.items()] == [
        ("a", 1, 1),
        ("b", 3, 5),
    ]
