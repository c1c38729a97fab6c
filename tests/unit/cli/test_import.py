"""``toque import chef``, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chef_corpus import CORPUS
from toque.cli import main


def say(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


def test_writes_cookbooks_and_says_what_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    into = tmp_path / "new" / "place"

    status = say("import", "chef", str(CORPUS / "opsworks"), "--to", str(into))

    out = capsys.readouterr().out
    assert status == 0
    assert (into / "site_cookbook" / "default.py").is_file()
    assert "  site/recipes/deploy.rb:1: the cookbook deploy is not in this repository\n" in out
    assert f"{into / 'FROM-CHEF.md'}" in out.splitlines()[-1]


def test_json_is_one_object_with_place_reason_and_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    status = say("import", "chef", str(CORPUS / "thena"), "--to", str(tmp_path), "--json")

    told = json.loads(capsys.readouterr().out)
    assert status == 0
    assert (told["resources"], told["carried"], told["share"]) == (16, 16, 1.0)
    assert told["left"] == []
    assert set(told["notes"][0]) == {"file", "first", "last", "reason", "text"}
    assert all((tmp_path / name).is_file() for name in told["files"])


def test_recipe_that_is_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Nothing was carried over, and nobody is told that it was all."""
    (tmp_path / "web/recipes").mkdir(parents=True)
    (tmp_path / "web/recipes/default.rb").write_bytes(bytes(range(256)))

    status = say("import", "chef", str(tmp_path / "web"), "--to", str(tmp_path / "out"))

    first, left, *_ = capsys.readouterr().out.splitlines()
    assert (status, first) == (0, "no resource was recognized: web")
    assert left.startswith("  recipes/default.rb:1")


def test_one_file_that_is_there_stops_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "kitchen.toml").write_text("mine")

    status = say("import", "chef", str(CORPUS / "thena"), "--to", str(tmp_path), "--json")

    error = json.loads(capsys.readouterr().out)["error"]
    assert (status, error["code"]) == (2, "file-there")
    assert [path.name for path in tmp_path.iterdir()] == ["kitchen.toml"]
    assert (tmp_path / "kitchen.toml").read_text() == "mine"


@pytest.mark.parametrize("there", [True, False])
def test_no_cookbook(there: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = tmp_path / "x"
    if there:
        folder.mkdir()

    status = say("import", "chef", str(folder), "--json")

    error = json.loads(capsys.readouterr().out)["error"]
    assert (status, error["code"]) == (2, "no-chef-cookbook")


def test_directory_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "file").write_text("")

    status = say("import", "chef", str(CORPUS / "thena"), "--to", str(tmp_path / "file"), "--json")

    error = json.loads(capsys.readouterr().out)["error"]
    assert (status, error["code"]) == (2, "file-unwritable")


def test_links_and_data_bags_are_named_and_not_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    repository, into = tmp_path / "repo", tmp_path / "to"
    (repository / "recipes").mkdir(parents=True)
    (repository / "recipes" / "default.rb").write_text("package 'x'\n")
    (repository / "data_bags" / "users").mkdir(parents=True)
    (repository / "data_bags" / "users" / "a.json").write_text('{"password": "hunter2"}')
    secret = tmp_path / "secret"
    secret.write_text("package 'stolen'\n")
    (repository / "recipes" / "link.rb").symlink_to(secret)

    say("import", "chef", str(repository), "--to", str(into), "--json")

    told = capsys.readouterr().out
    written = "".join(path.read_text() for path in into.rglob("*") if path.is_file())
    assert "stolen" not in told + written
    assert "hunter2" not in told + written
    listed = {one["file"]: one["reason"] for one in json.loads(told)["left"]}
    assert listed == {
        "data_bags/users/a.json": "not read: it may hold secrets",
        "recipes/link.rb": "not read: no regular file",
    }
