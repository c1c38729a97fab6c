import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toque.node.formats.environment import encode_env, parse_env
from toque.node.resource import Invalid

NAMES = st.from_regex(r"APP_[A-Z0-9_]{0,8}", fullmatch=True)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs", "Cn"]), max_size=40)
NASTY = st.text(st.sampled_from("\\\"'$`\n\t %#;!~*()\u00e9\r"), max_size=20)


@given(st.dictionaries(NAMES, TEXT | NASTY, max_size=5))
def test_what_is_written_is_read_back(values):
    assert parse_env(encode_env(values)) == values


@given(st.dictionaries(NAMES, TEXT | NASTY, min_size=1, max_size=8))
def test_a_shell_reads_the_same_bytes(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("env") / "FILE"
    path.write_bytes(encode_env(values).encode())
    script = 'set -a; . "$1"; exec /usr/bin/env -0'
    out = subprocess.run(
        ["/bin/sh", "-c", script, "sh", os.fspath(path)], env={}, capture_output=True, check=True
    ).stdout
    read = dict(pair.split(b"=", 1) for pair in out.split(b"\0") if pair)
    assert {n: read[n.encode()] for n in values} == {n: v.encode() for n, v in values.items()}


def test_handwritten_lines_are_read():
    text = "# a comment\n\nA=plain/word\nB='it is $5'\nC=\n; more\nD=\"x\"\n"
    assert parse_env(text) == {"A": "plain/word", "B": "it is $5", "C": "", "D": "x"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=two words\n", 1),
        ('A="x"\nB="$HOME"\n', 2),
        ('A="open\n', 1),
        ("A='open\n", 1),
        ("export A=x\n", 1),
        ('A="x\\\ny"\n', 1),
        ('A="a"b\n', 1),
    ],
)
def test_what_two_readers_could_take_differently_is_refused(text, line):
    with pytest.raises(Invalid, match=f"line {line}"):
        parse_env(text)


@pytest.mark.parametrize(
    ("name", "value"), [("1A", "x"), ("A-B", "x"), ("A", "a\0b"), ("A", "\udc80"), ("A\n", "x")]
)
def test_what_no_process_can_be_given_is_refused(name, value):
    with pytest.raises(Invalid):
        encode_env({name: value})


def test_a_refused_value_is_not_shown():
    with pytest.raises(Invalid) as caught:
        encode_env({"PASSWORD": "hunter2\0"})
    assert "hunter2" not in str(caught.value)
