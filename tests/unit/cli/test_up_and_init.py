"""`toque up` and `toque init` in projects without a file of ours, up to the machine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from toque.cli import main
from toque.fleet.project import KEPT, find_project, load_project

APP = (
    'import os\nfrom flask import Flask\n\napp = Flask(__name__)\nKEY = os.environ["STRIPE_KEY"]\n'
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed Flask project, which is the current directory."""
    folder = tmp_path / "My Shop"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    (folder / "requirements.txt").write_text("flask==3.1\ngunicorn==23\n")
    git(folder, "init", "-q", "-b", "trunk")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "First")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("STRIPE_KEY", raising=False)
    return folder


def git(folder: Path, *argv: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.invalid"]
    subprocess.run(["git", *who, *argv], cwd=folder, check=True)


def said(capsys: pytest.CaptureFixture[str], *argv: str, status: int = 0) -> str:
    with pytest.raises(SystemExit) as left:
        main(argv)
    out, err = capsys.readouterr()
    assert left.value.code == status, out + err
    return out + err


def test_init_writes_what_it_found_and_never_writes_over_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, "init", "--on", "root@192.0.2.7")

    assert "app.py:4" in told and "STRIPE_KEY" in told
    made = load_project(project / "toque.toml")
    (app,) = made.apps.values()
    assert (app.name, app.branch, app.entry, app.requires) == (
        "my-shop", "trunk", "app:app", ("STRIPE_KEY",),
    )  # fmt: skip
    assert [node.address for node in made.nodes.values()] == ["root@192.0.2.7"]
    assert made.cookbooks == (project / "infra/my_shop_site",)
    assert made.layers["web"].cookbooks("deploy") == ("my_shop_site",)

    toml, book = project / "toque.toml", project / "infra/my_shop_site/__init__.py"
    before = toml.read_text(), book.read_text()
    assert "[file-there]" in said(capsys, "init", status=2)
    toml.rename(project / "old.toml")
    assert "[file-there]" in said(capsys, "init", status=2)
    assert ((project / "old.toml").read_text(), book.read_text()) == before
    assert not toml.exists()


def test_init_tells_programs_too(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(said(capsys, "init", "--json"))

    assert told["file"] == str(project / "toque.toml")
    assert told["cookbook"] == str(project / "infra/my_shop_site")
    assert {"what": "app", "value": "Flask, app:app", "why": "app.py:4: app = Flask(...)"} in told[
        "found"
    ]


def test_init_in_a_subdirectory_by_its_name(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.parent)

    said(capsys, "init", project.name)

    assert (project / "toque.toml").exists()


def test_init_takes_over_what_up_has_kept(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / ".toque/secrets").mkdir(parents=True)
    (project / ".toque/secrets/shop.age").write_text("sealed")
    (project / KEPT).write_text(
        '[stack]\nname = "shop"\n[layers.web]\n'
        '[nodes.web1]\naddress = "root@192.0.2.7"\nlayer = "web"\n'
        '[apps.shop]\nrepository = "."\nlayer = "web"\ndomains = ["shop.example"]\n'
    )

    said(capsys, "init")

    made = load_project(project / "toque.toml")
    assert [node.address for node in made.nodes.values()] == ["root@192.0.2.7"]
    assert made.apps["shop"].domains == ("shop.example",)
    assert (project / "secrets/shop.age").read_text() == "sealed"


def test_up_needs_a_target_once_and_says_what_is_not_committed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "new.py").write_text("")

    told = said(capsys, "up", status=2)

    assert "not committed, so not deployed: new.py" in told
    assert "[no-target]" in told


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda folder: git(folder, "update-ref", "-d", "HEAD"), "repository-empty"),
        (lambda folder: subprocess.run(["rm", "-rf", ".git"], check=True), "repository-missing"),
        (lambda folder: commit_without(folder, "app.py"), "no-python-app"),
        (lambda folder: commit_without(folder, "requirements.txt"), "lock-missing"),
    ],
)
def test_up_says_what_to_do_where_nothing_can_be_deployed(
    project: Path, capsys: pytest.CaptureFixture[str], prepare: object, code: str
) -> None:
    prepare(project)  # type: ignore[operator]

    told = said(capsys, "up", "root@192.0.2.7", status=5 if code == "repository-empty" else 2)

    assert f"[{code}]" in told
    assert "  try  " in told
    assert not (project / ".toque").exists()


def commit_without(folder: Path, name: str) -> None:
    git(folder, "rm", "-q", name)
    git(folder, "commit", "-q", "-m", "Without")


def test_options_that_say_what_the_app_is_are_for_projects_without_a_file(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "init")

    assert "says what the app is" in said(capsys, "up", "--entry", "a:b", status=2)


def test_what_up_has_kept_is_the_project_of_later_commands(project: Path) -> None:
    (project / ".toque").mkdir()
    text = '[stack]\nname = "kept"\n'
    (project / KEPT).write_text(text)
    (project / "inner").mkdir()

    found = find_project(project / "inner")

    assert (found, load_project(found).directory) == (project / KEPT, project)
    (project / "toque.toml").write_text('[stack]\nname = "own"\n')
    assert load_project(find_project(project)).stack.name == "own"
