"""Environment files of apps: secrets, and what cannot be in one."""

import subprocess

import pytest

from toque.cookbooks.envfile import encode_env
from toque.errors import BadCookbook
from toque.node.values import Secret


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
    "values",
    [
        {"A B": "x"},
        {"A=": "x"},
        {"": "x"},
        {"1A": "x"},
        {"A\n": "x"},
        {"A": "hidden\0"},
        {"A": "hidden\uffff"},
        {"A": "hidden" * 30_000},
    ],
)
def test_variable_that_cannot_be_is_refused(values):
    with pytest.raises(BadCookbook) as caught:
        encode_env("env", values, place="p:1")

    assert (caught.value.code, caught.value.trouble.place) == ("bad-variable", "p:1")
    assert "hidden" not in str(caught.value.trouble)


def test_more_than_a_process_can_be_given_is_refused_and_not_shown() -> None:
    with pytest.raises(BadCookbook) as caught:
        encode_env("thena/x.env", {f"V{n}": "canary" * 20_000 for n in range(17)}, place="p:1")

    assert caught.value.code == "bad-variable"
    assert caught.value.trouble.expected == "at most 1966080 bytes in all"
    assert "17 variables" in caught.value.trouble.found
    assert "canary" not in str(caught.value.trouble)
