"""``toque lock``, ``update``, ``why``, with the real uv and a folder for an index."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cookbook_repository import (
    Repository,
    commit,
    cookbook,
    git,
    git_package,
    manifest,
    wheel,
)
from toque.cli import main

Say = Callable[..., dict[str, Any]]


def web(repo: Repository) -> Path:
    return repo.directory / "cookbooks" / "web-book"


def db(repo: Repository) -> Path:
    return repo.directory / "cookbooks" / "db-book"


@pytest.mark.requirement("R46")
def test_a_need_of_one_cookbook_changes_its_part_of_the_lock_alone(
    repo: Repository, say: Say
) -> None:
    wheel(repo.wheels, "small", "1.0", "toque>=0.1")
    assert say("lock")["changes"] == [{"name": "tiny", "before": "", "after": "2.0"}]
    before, others = repo.lock(), {p: p.read_bytes() for p in repo.directory.rglob("*.toml")}
    wheel(repo.wheels, "tiny", "3.0")  # newer, and nobody asked

    manifest(db(repo), "db", ["small"])
    changed = say("lock")

    assert changed["changes"] == [{"name": "small", "before": "", "after": "1.0"}]
    assert sorted(set(before.splitlines()) - set(repo.lock().splitlines())) == []
    edited = [p.name for p, data in others.items() if p.read_bytes() != data]
    assert edited == ["pyproject.toml"]
    assert "wheels" not in repo.lock() and "://" not in repo.lock()


@pytest.mark.requirement("R46")
def test_a_conflict_names_both_cookbooks_files_and_ranges(repo: Repository, say: Say) -> None:
    manifest(web(repo), "web", ["tiny>=2"])
    manifest(db(repo), "db", ["tiny<2"])

    error = say("lock")

    assert (error["status"], error["code"]) == (2, "cookbooks-conflict")
    assert f"web-book needs tiny>=2 ({web(repo)}/pyproject.toml)" in error["found"]
    assert f"db-book needs tiny<2 ({db(repo)}/pyproject.toml)" in error["found"]
    assert not (repo.directory / "toque.lock").exists()


@pytest.mark.requirement("R46", "R45")
def test_cookbooks_that_move_keep_their_lock_byte_for_byte(repo: Repository, say: Say) -> None:
    """At the top, under a folder, and a single one as the root: the same text."""
    shutil.rmtree(db(repo))
    say("lock")
    folder = repo.lock()
    (repo.directory / "toque.lock").unlink()

    shutil.move(web(repo), repo.directory / "web-book")
    repo.toml(".")
    say("lock")
    top = repo.lock()
    for part in (repo.directory / "web-book").iterdir():
        shutil.move(part, repo.directory / part.name)
    say("lock")

    assert folder == top == repo.lock()


@pytest.mark.requirement("R46")
def test_a_branch_is_locked_to_its_commit_until_an_update(
    repo: Repository, say: Say, tmp_path: Path
) -> None:
    forge = tmp_path / "forge"
    first = git_package(forge, "sauce", "1.0")
    manifest(
        db(repo), "db", ["sauce"], sources=f'sauce = {{ git = "file://{forge}", branch = "main" }}'
    )
    say("lock")
    assert f'commit = "{first}"' in repo.lock() and 'ref = "main"' in repo.lock()

    second = git_package(forge, "sauce", "2.0")
    manifest(web(repo), "web", ["tiny<2"])
    assert [one["name"] for one in say("lock")["changes"]] == ["tiny"]
    assert first in repo.lock()
    (change,) = say("update", "sauce")["changes"]

    assert (change["before"], change["after"]) == (first[:12], second[:12])
    git(forge, "branch", "-m", "gone")
    (forge / "more").write_text("")
    commit(forge)
    lost = say("update", "sauce")
    assert lost["code"] == "lock-unresolvable"
    assert "db-book needs sauce" in lost["found"]
    assert say("lock")["changes"] == []  # the commit is still there


@pytest.mark.requirement("R46")
def test_a_commit_that_a_package_brings_in_stays_as_long_as_the_package(
    repo: Repository, say: Say, tmp_path: Path
) -> None:
    sauce, roast = tmp_path / "sauce", tmp_path / "roast"
    first = git_package(sauce, "sauce", "1.0")
    needs = f"sauce @ git+file://{sauce}@main"
    git_package(roast, "roast", "1.0", needs)
    manifest(db(repo), "db", ["roast"], sources=f'roast = {{ git = "file://{roast}" }}')
    say("lock")
    second = git_package(sauce, "sauce", "1.1")

    manifest(web(repo), "web", ["tiny<2"])
    assert [one["name"] for one in say("lock")["changes"]] == ["tiny"]
    git_package(roast, "roast", "1.1", needs)

    assert [one["name"] for one in say("update", "roast")["changes"]] == ["roast", "sauce"]
    assert first not in repo.lock() and second in repo.lock()
    (reason,) = say("why", "sauce")["reasons"]
    assert reason == f"db-book asks for roast git file://{roast} -> sauce"


@pytest.mark.requirement("R46")
def test_a_path_brings_its_own_needs_and_is_not_copied(
    repo: Repository, say: Say, tmp_path: Path
) -> None:
    shared = tmp_path / "shared-book"
    manifest(shared, "shared", ["tiny<2"])
    cookbook(shared, "shared")
    manifest(
        web(repo),
        "web",
        ["tiny", "shared-book"],
        sources='shared-book = { path = "../../../shared-book" }',
    )

    assert say("lock")["changes"] == [{"name": "tiny", "before": "", "after": "1.0"}]
    assert str(tmp_path) not in repo.lock()
    assert say("why", "tiny")["reasons"] == [
        "shared-book asks for tiny<2",
        "web-book asks for tiny",
    ]


@pytest.mark.requirement("R46")
def test_a_lock_of_yesterday_is_told_and_not_used(repo: Repository, say: Say) -> None:
    assert say("lock", "--check")["code"] == "cookbooks-not-locked"
    assert say("explain", "web")["code"] == "cookbooks-not-locked"
    say("lock")
    assert say("lock", "--check")["status"] == 0
    manifest(db(repo), "db", ["tiny"])

    for command in (["lock", "--check"], ["explain", "web"]):
        error = say(*command)
        assert (error["status"], error["code"]) == (2, "lock-stale")
        assert error["found"] == "db-book now asks for tiny"


def test_update_takes_the_newest_of_what_is_named(repo: Repository, say: Say) -> None:
    wheel(repo.wheels, "small", "1.0")
    manifest(db(repo), "db", ["small"])
    say("lock")
    wheel(repo.wheels, "small", "1.1")
    wheel(repo.wheels, "tiny", "2.1")

    assert say("update", "Tiny")["changes"] == [{"name": "tiny", "before": "2.0", "after": "2.1"}]
    assert say("update", "tinny")["hint"] == "did you mean 'tiny'?"


def test_offline_with_an_empty_cache_is_told(repo: Repository, say: Say) -> None:
    say("lock")
    shutil.rmtree(repo.directory / ".toque")
    assert say("explain", "web")["code"] == "unknown-key"  # fetched again: it has no attributes
    shutil.rmtree(repo.directory / ".toque")
    shutil.rmtree(os.environ["UV_CACHE_DIR"])
    for file in repo.wheels.iterdir():
        file.unlink()

    error = say("explain", "web")

    assert (error["status"], error["code"]) == (5, "lock-packages-missing")
    assert "tiny" in error["found"]


def test_another_file_than_the_locked_one_is_refused(repo: Repository, say: Say) -> None:
    say("lock")
    shutil.rmtree(repo.directory / ".toque")
    shutil.rmtree(os.environ["UV_CACHE_DIR"])
    wheel(repo.wheels, "tiny", "2.0", files={"tiny_more.py": "stolen = True\n"})

    assert say("explain", "web")["code"] == "lock-packages-missing"
    left = [path.name for path in (repo.directory / ".toque" / "cookbooks").iterdir()]
    assert left == [".gitignore"]


@pytest.mark.requirement("R17")
def test_a_lock_of_a_newer_toque_and_a_damaged_one_are_told(repo: Repository, say: Say) -> None:
    say("lock")
    file = repo.directory / "toque.lock"
    good = file.read_text()
    file.write_text(good.replace("version = 1\n", "version = 2\n", 1))
    assert say("explain", "web")["code"] == "lock-too-new"
    for bad in ("version = ", "version = 1\nhost = 1\n[[package]]\nname = 'a'\n", "version = '1'"):
        file.write_text(bad)
        assert say("explain", "web")["code"] == "toque-lock-unreadable"


def test_cookbooks_without_dependencies_need_no_lock(repo: Repository, say: Say) -> None:
    manifest(web(repo), "web", ["toque>=0.1", "db-book"])

    assert say("lock") == {"lock": None, "changes": [], "status": 0}
    assert not (repo.directory / "toque.lock").exists()
    assert say("explain", "web")["code"] == "unknown-key"


def test_a_folder_of_cookbooks_needs_no_toque_toml(repo: Repository, say: Say) -> None:
    (repo.directory / "toque.toml").unlink()

    assert say("lock")["packages"] == 1


def test_outdated_lists_what_an_update_would_take(repo: Repository, say: Say) -> None:
    wheel(repo.wheels, "small", "1.0")
    manifest(db(repo), "db", ["small<2"])
    say("lock")
    wheel(repo.wheels, "small", "1.1")
    wheel(repo.wheels, "small", "2.0")
    before = repo.lock()

    assert say("outdated")["outdated"] == [{"name": "small", "before": "1.0", "after": "1.1"}]
    assert repo.lock() == before
    say("update", "small")
    assert say("outdated")["outdated"] == []


def test_the_tree_shows_who_brings_what_in(
    repo: Repository, say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel(repo.wheels, "big", "1.0", "tiny<2", "small")
    wheel(repo.wheels, "small", "1.0", "tiny")
    manifest(web(repo), "web", ["big>=1", "db-book"])
    manifest(db(repo), "db", ["small"])
    say("lock")

    with pytest.raises(SystemExit):
        main(["tree"])

    assert (
        capsys.readouterr().out
        == """\
db-book 1.0
  small 1.0
    tiny 1.0
web-book 1.0
  db-book, of this repository
  big 1.0  (big>=1)
    small 1.0 ...
    tiny 1.0
"""
    )


def test_diff_compares_with_a_commit_and_with_a_file(repo: Repository, say: Say) -> None:
    say("lock")
    assert say("diff")["code"] == "repository-missing"
    first = commit(repo.directory)
    shutil.copy("toque.lock", "before")
    manifest(web(repo), "web", ["tiny<2"])
    say("lock")
    change = [{"name": "tiny", "before": "2.0", "after": "1.0"}]

    assert say("diff")["changes"] == change == say("diff", first[:12])["changes"]
    assert say("diff", "before")["changes"] == change
    assert say("diff", "toque.lock", "before")["changes"] == [
        {"name": "tiny", "before": "1.0", "after": "2.0"}
    ]
    git(repo.directory, "rm", "-q", "--cached", "toque.lock")
    git(repo.directory, "-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "gone")
    assert say("diff")["code"] == "cookbooks-not-locked"


@pytest.mark.requirement("R46")
def test_one_changed_byte_of_a_package_is_found(repo: Repository, say: Say, tmp_path: Path) -> None:
    git_package(tmp_path / "forge", "sauce", "1.0")
    source = f'sauce = {{ git = "file://{tmp_path}/forge" }}'
    manifest(db(repo), "db", ["sauce"], sources=source)
    say("lock")
    assert say("verify")["packages"] == 2
    (kept,) = (repo.directory / ".toque" / "cookbooks").glob("*-cpython-*")

    for name in ("tiny.py", "sauce.py"):
        good = (kept / name).read_text()
        (kept / name).write_text(good.replace("VERSION", "VERSIOM"))
        error = say("verify")
        assert (error["status"], error["code"]) == (5, "lock-packages-altered")
        assert error["found"] == name
        (kept / name).write_text(good)
    assert say("verify")["status"] == 0
    (kept / "more.py").write_text("")
    assert say("verify")["found"] == "more.py"


@pytest.mark.requirement("R46")
def test_a_tag_that_moved_is_not_followed_and_is_told(
    repo: Repository, say: Say, tmp_path: Path
) -> None:
    forge = tmp_path / "forge"
    first = git_package(forge, "sauce", "1.0")
    git(forge, "tag", "v1")
    source = f'sauce = {{ git = "file://{forge}", tag = "v1" }}'
    manifest(db(repo), "db", ["sauce"], sources=source)
    say("lock")
    second = git_package(forge, "sauce", "1.1")
    git(forge, "tag", "--force", "v1")
    fetched_no_more(repo)

    assert say("explain", "web")["code"] == "unknown-key"  # compiled, with what is fetched again
    (kept,) = (repo.directory / ".toque" / "cookbooks").glob("*-cpython-*")
    assert (kept / "sauce.py").read_text() == "VERSION = '1.0'\n"
    assert say("lock")["changes"] == []
    change = {"name": "sauce", "before": first[:12], "after": second[:12]}
    assert say("outdated")["outdated"] == [change]


@pytest.mark.requirement("R46")
def test_a_commit_that_is_gone_is_told_with_its_package(
    repo: Repository, say: Say, tmp_path: Path
) -> None:
    """Somebody has written the branch anew; who has fetched the commit goes on with it."""
    forge = tmp_path / "forge"
    first = git_package(forge, "sauce", "1.0")
    source = f'sauce = {{ git = "file://{forge}", branch = "main" }}'
    manifest(db(repo), "db", ["sauce"], sources=source)
    say("lock")
    shutil.rmtree(forge)
    second = git_package(forge, "sauce", "1.1")
    assert say("explain", "web")["code"] == "unknown-key"
    fetched_no_more(repo)

    error = say("explain", "web")

    assert (error["status"], error["code"]) == (5, "lock-packages-missing")
    assert f"sauce {first[:12]}" in error["expected"]
    assert say("update", "sauce")["changes"] == [
        {"name": "sauce", "before": first[:12], "after": second[:12]}
    ]
    git(forge, "branch", "-m", "other")
    fetched_no_more(repo)
    gone = say("update", "sauce")
    assert (gone["status"], gone["code"]) == (2, "lock-unresolvable")
    assert "db-book needs sauce" in gone["found"]


def fetched_no_more(repo: Repository) -> None:
    """As on another machine."""
    shutil.rmtree(repo.directory / ".toque")
    shutil.rmtree(os.environ["UV_CACHE_DIR"])


@pytest.mark.parametrize("command", [["lock"], ["explain", "web"], ["vendor"]])
def test_a_circle_of_cookbooks_is_told(repo: Repository, say: Say, command: list[str]) -> None:
    manifest(web(repo), "web", ["db-book"])
    manifest(db(repo), "db", ["web-book"])

    error = say(*command)

    assert (error["status"], error["code"]) == (3, "cookbook-cycle")
    assert "db-book -> web-book -> db-book" in error["message"]
    assert error["found"] == f"{db(repo)}/pyproject.toml, {web(repo)}/pyproject.toml"


@pytest.mark.parametrize("command", [["lock"], ["explain", "web"], ["export", "x.tar.gz"]])
def test_two_cookbooks_of_one_name_are_told(
    repo: Repository, say: Say, tmp_path: Path, command: list[str]
) -> None:
    """Two distributions, and two cookbooks of different ones."""
    say("lock")
    manifest(repo.directory / "cookbooks" / "more", "web", ["tiny"])
    cookbook(repo.directory / "cookbooks" / "more", "web")
    error = say(*command)
    assert (error["status"], error["code"]) == (3, "cookbook-name-taken")
    told = error["expected"] + error["found"]
    assert f"{web(repo)}/pyproject.toml" in told
    assert f"{repo.directory}/cookbooks/more/pyproject.toml" in told
    if command[0] == "explain":
        manifest(repo.directory / "cookbooks" / "more", "more", points='web = "more_book"')
        cookbook(repo.directory / "cookbooks" / "more", "more", 'from toque import Cookbook\n'
                 'cookbook = Cookbook("web")\n')  # fmt: skip
        assert say("lock")["status"] == 0
        assert say(*command)["code"] == "cookbook-name-taken"
