"""Ruby as cookbooks write it, and what is not known of it."""

from __future__ import annotations

import pytest

from toque.chef import ruby
from toque.chef.parse import parse


def only(text: str) -> ruby.Node:
    (node,) = parse(text)
    return node


def call(text: str) -> ruby.Call:
    node = only(text)
    assert isinstance(node, ruby.Call), node
    return node


def argument(text: str) -> ruby.Node:
    return call(text).arguments[0]


def test_resource_with_block_has_its_lines():
    node = call("template '/etc/x' do\n  source 'x.erb'\n  mode 0644\nend\n")

    assert (node.name, node.line, node.last) == ("template", 1, 4)
    assert node.block is not None
    assert [one.name for one in node.block.body if isinstance(one, ruby.Call)] == ["source", "mode"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("x 'a\\'b\\n'", ("a'b\\n",)),
        ('x "a\\tb"', ("a\tb",)),
        ("x %q(a (b) c)", ("a (b) c",)),
        ("x 'a' 'b'", ("a", "b")),
        ("x <<-EOH\n  a\n  EOH\n", ("  a\n",)),
        ("x <<~EOH\n    a\n      b\n  EOH\n", ("a\n  b\n",)),
        ("x <<'EOH'\na #{b}\nEOH\n", ("a #{b}\n",)),
    ],
)
def test_texts(text: str, parts: tuple[str, ...]):
    node = argument(text)

    assert isinstance(node, ruby.Text)
    assert node.parts == parts


def test_interpolation_holds_code():
    node = argument('x "a#{node[\'b\']["c"]}d"')

    assert isinstance(node, ruby.Text)
    first, inner, last = node.parts
    assert (first, last) == ("a", "d")
    assert isinstance(inner, ruby.Index)


def test_heredoc_ends_its_statement_and_what_stands_behind_goes_on():
    nodes = parse("bash 'x' do\n  code <<-EOH\n    a\n  EOH\n  user 'b'\nend\npackage 'c'\n")

    assert [(node.line, node.last) for node in nodes] == [(1, 6), (7, 7)]


@pytest.mark.parametrize(
    ("text", "value"),
    [("0755", 0o755), ("0o644", 0o644), ("1_024", 1024), ("0x10", 16), ("2.5", 2.5), ("-3", -3)],
)
def test_numbers(text: str, value: float):
    node = argument(f"x({text})")

    assert isinstance(node, ruby.Literal)
    assert node.value == value


@pytest.mark.parametrize("text", ["%w(a b)", "%w[a b]", "%i(a b)", "%w{a\n b}"])
def test_lists_of_words(text: str):
    node = argument(f"x({text})")

    assert isinstance(node, ruby.Array)
    assert [getattr(one, "plain", None) for one in node.items] == ["a", "b"]


def test_pairs_of_both_spellings_are_one_hash():
    node = argument("variables(:a => 1, b: 2, 'c' => 3, \"d\": 4)")

    assert isinstance(node, ruby.Hash)
    assert [getattr(key, "name", None) or getattr(key, "plain", None) for key, _ in node.pairs] == [
        "a",
        "b",
        "c",
        "d",
    ]


def test_do_belongs_to_the_first_word_and_braces_to_the_last():
    outer, inner = call("a b do\nend"), call("a b { }")

    assert outer.block is not None
    assert inner.block is None


def test_condition_behind_a_statement():
    node = only("package 'x' unless node['y']")

    assert isinstance(node, ruby.Choice)
    assert isinstance(node.branches[0][0], ruby.Negation)


def test_case_with_then_and_else():
    node = only("case node['platform']\nwhen 'a', 'b' then x 1\nelse\n  y 2\nend")

    assert isinstance(node, ruby.Case)
    assert len(node.branches[0][0]) == 2
    assert len(node.otherwise) == 1


@pytest.mark.parametrize(
    "text",
    [
        "def x\n  1\nend",
        "x &block",
        "a.b&.c",
        "while true\n  y\nend",
        "class A < B\nend",
        "x = [*y]",
    ],
)
def test_what_is_not_known_is_one_statement_and_the_next_is_read(text: str):
    lines = text.count("\n") + 1

    first, second = parse(f"{text}\npackage 'x'\n")

    assert isinstance(first, ruby.Unknown)
    assert (first.line, first.last) == (1, lines)
    assert isinstance(second, ruby.Call)


def test_what_is_not_known_inside_a_block_leaves_the_rest_of_it():
    node = only("if a\n  x &b\n  package 'y'\nend")

    assert isinstance(node, ruby.Choice)
    unknown, package = node.branches[0][1]
    assert isinstance(unknown, ruby.Unknown)
    assert (unknown.line, package.line) == (2, 3)


def test_text_that_does_not_end_takes_the_rest_of_the_file():
    first, rest = parse("package 'a'\npackage 'b\npackage \"c\"\n")

    assert isinstance(first, ruby.Call)
    assert isinstance(rest, ruby.Unknown)
    assert (rest.line, rest.last) == (2, 3)


def test_comments_and_blocks_of_them_say_nothing():
    assert parse("# a\n=begin\npackage 'x'\n=end\n\n") == ()
