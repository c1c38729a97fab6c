"""Who is not named is not touched: a selector that matches nothing is an error (IN-13).

As Salt did it (CVE-2022-22941), a target that matched nothing was taken for a valid one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from toque import bootstrap
from toque.cli import main

PROJECT = """
[stack]
name = "two"
cookbooks = []

[layers.web]
[layers.empty]

[nodes.web1]
address = "root@web1.invalid"
layer = "web"

[nodes.web2]
address = "root@web2.invalid"
layer = "web"

[apps.thena]
repository = "thena.git"
layer = "web"
entry = "wsgi:app"

[apps.other]
repository = "other.git"
layer = "empty"
entry = "wsgi:app"
"""
TARGETED = ("plan", "converge", "setup", "up", "drift", "runs")
NOBODY = (
    "",
    " ",
    "\t",
    "empty",
    "webb",
    "wEb",
    "web1 ",
    "web*",
    "*",
    "all",
    "!web1",
    "web1,web2",
    "-",
)


@pytest.fixture
def touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The nodes that anybody was about to connect to."""
    (tmp_path / "toque.toml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    seen: list[str] = []

    class Connected(Exception):
        pass

    def connect(node, directory, **rest):
        seen.append(node.name)
        raise Connected

    monkeypatch.setattr(bootstrap, "connect", connect)
    return seen


Asked = Callable[..., str]


@pytest.fixture
def code(capsys: pytest.CaptureFixture[str]) -> Asked:
    def ask(*argv: str) -> str:
        with pytest.raises(SystemExit) as left:
            main([*argv, "--json"])
        assert left.value.code != 0
        said = json.loads(capsys.readouterr().out.splitlines()[-1])
        return str(said["error"]["code"])

    return ask


@pytest.mark.parametrize("command", TARGETED)
@pytest.mark.parametrize("target", NOBODY)
def test_target_that_is_nobody_selects_nobody(
    command: str, target: str, touched: list[str], code: Asked
) -> None:
    assert code(command, target) in (
        "empty-word", "unknown-node", "no-target", "bad-target", "usage",
    )  # fmt: skip
    assert touched == []


@pytest.mark.parametrize(
    "argv",
    [
        ("deploy", "thena", "--on", ""),
        ("deploy", "thena", "--on="),
        ("deploy", "thena", "--on", "webb"),
        ("deploy", "", "--on", "web1"),
        ("deploy", "thena", "--ref", ""),
        ("deploy", "other"),
        ("deploy", "thenaa"),
        ("rollback", "thena", "--on", " "),
        ("rollback", "thena", "--to", ""),
        ("releases", "thena", "--on", ""),
        ("node", "trust", "web1", "--yes", "--fingerprint", ""),
        ("node", "trust", ""),
    ],
    ids=" ".join,
)
def test_word_that_is_empty_or_unknown_selects_nothing(
    argv: tuple[str, ...], touched: list[str], code: Asked
) -> None:
    assert code(*argv) in ("empty-word", "unknown-node", "no-target", "unknown-app")
    assert touched == []


def test_left_out_a_target_is_all_and_a_layer_is_its_nodes(touched: list[str], code: Asked) -> None:
    """Else the tests above would pass for a tool that never connects."""
    for argv in (("plan",), ("plan", "web"), ("plan", "web2")):
        assert code(*argv) == "toque-bug"  # what the fake raises
    assert touched[0] == "web1"
    assert touched[-1] == "web2"
