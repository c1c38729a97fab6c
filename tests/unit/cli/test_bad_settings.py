"""Settings files with mistakes, through the command line: told at once, no machine is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toque.cli import main

GOOD = """
[stack]
name = "bad"
[layers.web]
setup = ["nginx"]
[nodes.web1]
address = "root@web1.invalid"
layer = "web"
[apps.thena]
repository = "thena.git"
layer = "web"
"""
TOQUE_TOML = {
    "unknown table": ("[apps.thena]", "[appps.thena]", "unknown-key", "did you mean 'apps'?"),
    "unknown key": ("layer = \"web\"\n[apps", "lauer = \"web\"\n[apps", "unknown-key", "'layer'?"),
    "wrong type": ('repository = "thena.git"', "repository = 5", "wrong-type", "repository"),
    "no TOML": ("[stack]", "[stack", "bad-toml", "toque.toml"),
    "unknown layer": ('layer = "web"\n[apps', 'layer = "wbe"\n[apps', "unknown-layer", "'web'?"),
}  # fmt: skip


class Here:
    """The current directory with one settings file, and ``toque`` in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys

    def fails(self, *argv: str) -> tuple[int, dict[str, Any]]:
        with pytest.raises(SystemExit) as left:
            main([*argv, "--json"])
        said = json.loads(self.capsys.readouterr().out)
        assert said["exit"] == left.value.code
        return int(left.value.code or 0), said["error"]


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOQUE_KITCHEN_DIR", str(tmp_path / "state"))
    return Here(tmp_path, capsys)


@pytest.mark.parametrize(("old", "new", "code", "word"), TOQUE_TOML.values(), ids=TOQUE_TOML)
def test_toque_toml_with_a_mistake(here: Here, old: str, new: str, code: str, word: str) -> None:
    assert GOOD.count(old) == 1
    (here.folder / "toque.toml").write_text(GOOD.replace(old, new))
    status, error = here.fails("plan", "web1")

    assert (status, error["code"]) == (2, code), error
    assert word in json.dumps(error)
    assert error["place"].startswith("toque.toml:") or "toque.toml" in error["message"]
    assert [path.name for path in here.folder.iterdir()] == ["toque.toml"]


@pytest.mark.parametrize(
    ("argv", "code", "word"),
    [
        (["plan", "wbe1"], "unknown-node", "'web1'?"),
        (["deploy", "thenna"], "unknown-app", "'thena'?"),
        (["converge", "web1", "ngnix"], "unknown-cookbook", "'nginx'?"),
        (["plan", "web1", "--event", "deploy"], "nothing-to-run", "deploy"),
    ],
)
def test_name_that_is_nearly_right_is_answered_with_the_right_one(
    here: Here, argv: list[str], code: str, word: str
) -> None:
    (here.folder / "toque.toml").write_text(GOOD)
    status, error = here.fails(*argv)

    assert (status in (2, 3), error["code"]) == (True, code), error
    assert word in json.dumps(error)


def test_no_project_here(here: Here) -> None:
    status, error = here.fails("plan", "web1")

    assert status == 2
    assert "toque.toml" in json.dumps(error)


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ('drviver = "auto"\n[suites.default]\n', "unknown-key", "driver"),
        ("[suites.default]\nrunn = []\n", "unknown-key", "run"),
        ("[suites.default]\nrun = 5\n", "wrong-type", "run"),
        ("[suites", "bad-toml", "kitchen.toml"),
    ],
)
def test_kitchen_toml_with_a_mistake(here: Here, text: str, code: str, word: str) -> None:
    (here.folder / "kitchen.toml").write_text(text)
    status, error = here.fails("kitchen", "converge", "default")

    assert (status, error["code"]) == (2, code), error
    assert word in json.dumps(error)
