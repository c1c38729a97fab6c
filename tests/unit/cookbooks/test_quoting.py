"""One value stays one token; what cannot is refused."""

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as some

from toque.cookbooks.envfile import encode_env
from toque.cookbooks.quoting import Unquotable, env, ini, nginx, unit
from toque.errors import BadCookbook
from toque.node.values import Secret

BREAKERS = ["a\nb", "a\rb", "a\0b", "a\x1bb", "a\u2028b", "a\x85b", "\x7f"]


@pytest.mark.parametrize("quote", [nginx, unit, ini])
@pytest.mark.parametrize("text", BREAKERS)
def test_line_ends_and_control_characters_are_refused(quote, text):
    with pytest.raises(Unquotable):
        quote(text)


@pytest.mark.parametrize("quote", [nginx, unit, ini])
@pytest.mark.parametrize("value", [None, ["x"], {"a": 1}, object()])
def test_only_text_and_numbers_are_quoted(quote, value):
    with pytest.raises(Unquotable):
        quote(value)


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("/srv/www", '"/srv/www"'),
        ("a;} b", '"a;} b"'),
        ('q"\\', '"q\\"\\\\"'),
        ("", '""'),
        (80, '"80"'),
        ("#", '"#"'),
    ],
)
def test_nginx_token(value, quoted):
    assert nginx(value) == quoted


@pytest.mark.parametrize("quote", [nginx, unit])
def test_start_of_a_variable_is_refused(quote):
    with pytest.raises(Unquotable):
        quote("$host")


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("a b", '"a b"'),
        ("50%", "50%%"),
        ("5 %", '"5 %%"'),
        ("-x", '"-x"'),
        ("/srv/a-b:c", "/srv/a-b:c"),
        ("", '""'),
        ('q"\\', '"q\\"\\\\"'),
        ("a;b", '"a;b"'),
        ("#", '"#"'),
    ],
)
def test_unit_value(value, quoted):
    assert unit(value) == quoted


@pytest.mark.parametrize("text", ["p%40ss", "$(X)", "@(x)", "a;b", "a#b", "a\\", " a", "a "])
def test_ini_value_that_would_be_read_differently_is_refused(text):
    with pytest.raises(Unquotable):
        ini(text)


def test_ini_value_is_written_as_it_is():
    assert ini("/srv/www/a b") == "/srv/www/a b"
    assert ini(True) == "true"


@given(some.text(some.characters(codec="utf-8", exclude_characters="\0"), max_size=40))
def test_shell_words_of_an_env_value_are_the_value(text):
    quoted = env(text)

    # $ and ` are escaped only inside double quotes of a real shell; shlex keeps those backslashes.
    assert shlex.split(quoted.replace("\\$", "$").replace("\\`", "`")) == [text]


@pytest.mark.requirement("R25")
def test_values_come_back_from_a_real_shell_byte_for_byte(tmp_path):
    values = {
        "A": "%40 %% $x \"q\" 'q' space # \\ \u00e9",
        "B": "line\nline\n\nend ",
        "C": "`id` $(id) ${A} \\n \\",
        "D": "",
        "E": "-n \t;|&<>*?[]~!{}=",
    }
    (tmp_path / "e").write_bytes(encode_env("env", values).reveal().encode())

    said = subprocess.run(
        ["/bin/sh", "-c", 'set -a; . "$1"; exec env -0', "sh", str(tmp_path / "e")],
        capture_output=True,
        check=True,
    ).stdout

    back = dict(pair.split("=", 1) for pair in said.decode().split("\0") if pair)
    assert {name: back[name] for name in values} == values


def test_env_file_is_a_secret_in_sorted_order():
    made = encode_env("thena/env", {"B": Secret("b", "x"), "A": "y"})

    assert made.name == "thena/env"
    assert made.reveal() == 'A="y"\nB="x"\n'
    assert "x" not in repr(made).replace("thena/env", "")


@pytest.mark.parametrize(
    "values", [{"A B": "x"}, {"A=": "x"}, {"": "x"}, {"1A": "x"}, {"A": "\0"}, {"A\n": "x"}]
)
def test_variable_that_cannot_be_is_refused(values):
    with pytest.raises(BadCookbook) as caught:
        encode_env("env", values, place="p:1")

    assert (caught.value.code, caught.value.trouble.place) == ("bad-variable", "p:1")
