"""``toque new cookbook``: what it writes works as written, and writes over nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toque.cli import main
from toque.cookbooks.load import load, names_in
from toque.cookbooks.scaffold import files_of
from toque.kitchen import kitchenfile
from toque.kitchen.instance import instances

Say = Callable[..., dict[str, Any]]
TOML = '[stack]\nname = "s"\ncookbooks = [{}]\n'


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """``say("backups")``: what ``toque new cookbook backups`` answers in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*argv: str) -> dict[str, Any]:
        with pytest.raises(SystemExit) as left:
            main(["new", "cookbook", *argv, "--json"])
        told = capsys.readouterr()
        answer: dict[str, Any] = json.loads(told.out or told.err)
        return {**answer.get("error", answer), "status": left.value.code}

    return run


def own_tests(folder: Path) -> subprocess.CompletedProcess[str]:
    """Its unit tests, by a real pytest that knows nothing of ours."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST")},
        capture_output=True,
        text=True,
    )


@pytest.mark.requirement("R45")
@pytest.mark.parametrize(
    ("options", "folder", "below"),
    [
        ([], "web", "."),
        ([], "cookbooks/web", "cookbooks"),
        (["--at", "."], ".", "."),
        (["--at", "infra/web"], "infra/web", "infra"),
    ],
    ids=["at the top", "under a folder", "as the root", "where one says"],
)
def test_a_new_cookbook_passes_its_own_tests_in_each_layout(
    say: Say, tmp_path: Path, options: list[str], folder: str, below: str
) -> None:
    if folder == "cookbooks/web":
        (tmp_path / "cookbooks").mkdir()

    told = say("web", *options)

    place = tmp_path / folder
    assert (told["status"], Path(told["folder"]).resolve()) == (0, place.resolve())
    assert names_in(tmp_path / below) == ("web",)
    done = own_tests(place)
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("mode=0o644", "mode=0o600"),
        ("greeting=a.greeting", "greeting='Be kind'"),
        ("/etc/web-greeting", "/etc/web"),
        ("r.add(File(", "print(File("),
        ("    a = ", "    raise SystemExit\n    a = "),
        ("{{ facts.release }}", ""),
        ("{{ greeting }}", "{{ greting }}"),
    ],
)
def test_its_tests_fail_when_the_recipe_is_broken(
    say: Say, tmp_path: Path, before: str, after: str
) -> None:
    say("web")
    package = tmp_path / "web" / "src" / "web_cookbook"
    for file in (package / "__init__.py", package / "templates" / "greeting.j2"):
        file.write_text(file.read_text().replace(before, after))

    assert own_tests(tmp_path / "web").returncode == 1


def test_its_suite_names_a_check_that_asserts(say: Say, tmp_path: Path) -> None:
    say("web")

    read = kitchenfile.load(tmp_path / "web" / "kitchen.toml", {"HOME": str(tmp_path)})
    (only,) = instances(read)

    assert only.run == ("setup",)
    assert "assert" in (only.checks / "test_machine.py").read_text()


@pytest.mark.parametrize("name", ["Web", "my-web", "9web", "class", "tests", "a.b", "../up", "é"])
def test_a_name_that_no_cookbook_can_have_is_refused(say: Say, tmp_path: Path, name: str) -> None:
    error = say(name)

    assert (error["status"], error["code"]) == (2, "cookbook-name-bad")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_refused(say: Say, tmp_path: Path) -> None:
    assert say("nginx")["found"] == "comes with Toque"
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "__init__.py").write_text("import toque\ncookbook = toque.Cookbook('x')")
    assert say("plain", "--at", "else")["found"] == f"{tmp_path}/plain"
    assert say("web")["status"] == 0
    error = say("web", "--at", "other")

    assert (error["status"], error["code"]) == (2, "cookbook-exists")
    assert error["found"] == f"{tmp_path}/web/src/web_cookbook"
    assert not (tmp_path / "other").exists()


def test_files_that_are_there_stay_as_they_are(say: Say, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")

    error = say("web", "--at", ".")

    assert (error["status"], error["code"]) == (2, "file-there")
    assert error["found"] == f"{tmp_path}/README.md"
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_repository_that_ignores_files_goes_on_ignoring_them(say: Say, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine")

    told = say("web", "--at", ".")

    assert told["status"] == 0
    assert f"{tmp_path}/.gitignore" not in told["files"]
    assert (tmp_path / ".gitignore").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_told(say: Say, tmp_path: Path) -> None:
    (tmp_path / "web").write_text("a file")

    error = say("web")

    assert (error["status"], error["code"]) == (2, "file-unwritable")
    assert (tmp_path / "web").read_text() == "a file"


@pytest.mark.parametrize(("named", "known"), [('"cookbooks"', True), ('"motd"', False)])
def test_it_says_whether_the_project_finds_it(
    say: Say, tmp_path: Path, capsys: pytest.CaptureFixture[str], named: str, known: bool
) -> None:
    (tmp_path / "toque.toml").write_text(TOML.format(named))
    (tmp_path / "cookbooks").mkdir()

    assert say("web")["known"] is known
    with pytest.raises(SystemExit):
        main(["new", "cookbook", "db"])
    line = '[stack] cookbooks = ["cookbooks/db"]'
    assert (line in capsys.readouterr().out) is not known


@pytest.mark.requirement("R47")
def test_an_app_and_its_cookbook_may_have_one_name(say: Say, tmp_path: Path) -> None:
    """The package of the cookbook is another than the app's own."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "__init__.py").write_text("raise RuntimeError('the app was imported')")
    say("web", "--at", "infra/web")

    assert load(tmp_path / "infra" / "web").name == "web"


def test_it_asks_for_the_toque_that_wrote_it() -> None:
    assert '"toque>=2.3"' in files_of("web", "2.3.4")["pyproject.toml"]
