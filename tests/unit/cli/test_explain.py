"""``toque explain`` and ``--set``: what is typed, shown and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toque.cli import main
from toque.cli.asked import attributes
from toque.errors import AskedWrongly
from toque.fleet.secrets import SecretStore

TOML = """\
[stack]
name = "s"
cookbooks = ["motd"]
[stack.attributes.nginx]
largest_body = "5m"
[layers.web]
setup = ["motd"]
[nodes.web1]
address = "local"
layer = "web"
[nodes.web2]
address = "local"
layer = "web"
[nodes.web2.attributes.motd]
text = "of web2"
"""
COOKBOOK = """\
from dataclasses import dataclass
from toque import Cookbook, Recipe
from toque.library.nginx import Nginx

@dataclass(frozen=True)
class Motd:
    text: str = "hello"

def setup(r: Recipe) -> None:
    raise SystemExit("explain runs no recipe")

cookbook = Cookbook(
    "motd", attributes=Motd, events={"setup": setup}, sets={Nginx: {"largest_body": "20m"}}
)
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "motd" / "motd"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(COOKBOOK)
    (tmp_path / "toque.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(argv))
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_each_level_is_shown_and_the_winner_marked(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = told(capsys, "explain", "nginx.largest_body", "web1")

    lines = [line.rsplit("  ", 1)[0].rstrip() for line in out.splitlines()]
    assert status == 0
    assert lines == [
        "nginx.largest_body",
        '  default        "10m"',
        '  cookbook motd  "20m"',
        '* stack          "5m"',
    ]
    assert out.splitlines()[2].endswith("motd/__init__.py:12")
    assert out.splitlines()[3].endswith("toque.toml:5")


def test_whole_cookbook_on_every_node_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = told(capsys, "explain", "motd", "--set", "motd.text=now", "--json")

    found = json.loads(out)
    winners = {
        node["node"]: [
            (level["level"], level["value"])
            for key in node["keys"]
            for level in key["levels"]
            if level["wins"]
        ]
        for node in found["nodes"]
    }
    assert winners == {"web1": [("run", "now")], "web2": [("run", "now")]}
    assert [level["level"] for level in found["nodes"][1]["keys"][0]["levels"]] == [
        "default",
        "node web2",
        "run",
    ]


@pytest.mark.parametrize(
    ("argv", "code", "hint"),
    [
        (["explain", "motd.txet", "web1"], "unknown-key", "did you mean 'motd.text'?"),
        (["explain", "modt", "web1"], "unknown-cookbook", "did you mean 'motd'?"),
        (["explain", "motd", "web3"], "unknown-node", "did you mean"),
        (["explain", "motd", "--set", "text=1"], "bad-setting", ""),
        (["explain", "motd", "--set", "motd.text=1"], "wrong-type", ""),
        (["explain", "motd", "--set", "mtod.text=1"], "unknown-cookbook", "did you mean 'motd'?"),
        (["plan", "web1", "nginx", "--set", "nginx.prot=1"], "unknown-key", "did you mean 'port'?"),
        (["converge", "web1", "nginx", "--set", "nginx.port=x"], "wrong-type", ""),
        (["converge", "--plan", "p", "--set", "nginx.port=1"], "plan-and-recipes", ""),
    ],
)
def test_mistake_names_the_nearest(
    capsys: pytest.CaptureFixture[str], argv: list[str], code: str, hint: str
) -> None:
    status, out, _ = told(capsys, *argv, "--json")

    error = json.loads(out)["error"]
    assert (status, error["code"]) == (2, code)
    assert hint in error.get("hint", "")


def test_attributes_of_no_cookbook_in_the_file_name_their_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TOML.replace("[stack.attributes.nginx]", "[stack.attributes.ngnix]")
    (project / "toque.toml").write_text(text)

    _, out, _ = told(capsys, "explain", "motd", "--json")

    error = json.loads(out)["error"]
    assert (error["code"], error["place"]) == ("unknown-cookbook", "toque.toml:4")


def test_text_that_is_a_secret_of_the_project_is_not_shown(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    SecretStore(project / ".toque").put("thena/KEY", "a-very-secret-text")

    _, out, _ = told(capsys, "explain", "motd", "--set", "motd.text=a-very-secret-text")

    assert "a-very-secret-text" not in out
    assert '"***"' in out


@pytest.mark.parametrize(
    ("texts", "tables"),
    [
        (["a.b=8"], {"a": {"b": 8}}),
        (["a.b=20m"], {"a": {"b": "20m"}}),
        (['a.b="8"'], {"a": {"b": "8"}}),
        (["a.b=true", "a.b=false"], {"a": {"b": False}}),
        (['a.b=["x", "y"]', "a.c.d=1"], {"a": {"b": ["x", "y"], "c": {"d": 1}}}),
        (["a.b=x=y"], {"a": {"b": "x=y"}}),
        (["a.b=2026-01-02"], {"a": {"b": "2026-01-02"}}),
        (["a.b="], {"a": {"b": ""}}),
        (["a.b=1\nc = 2"], {"a": {"b": "1\nc = 2"}}),
    ],
)
def test_setting_is_toml_or_a_text(texts: list[str], tables: dict[str, object]) -> None:
    assert attributes(texts) == tables


@pytest.mark.parametrize("texts", [["a"], ["a=1"], ["a..b=1"], ["=1"], ["a.b=1", "a.b.c=2"]])
def test_setting_that_cannot_be_read_is_refused(texts: list[str]) -> None:
    with pytest.raises(AskedWrongly) as caught:
        attributes(texts)

    assert caught.value.code == "bad-setting"
