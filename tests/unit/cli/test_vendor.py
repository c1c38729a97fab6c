"""``toque vendor`` with the real uv and git: what lies in the project is used, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cookbook_repository import Repository, cookbook, git, git_package, manifest, wheel

Say = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.requirement("R46")
USED = "unknown-key"  # of `toque explain web`: its cookbook was compiled, and has no attributes


@pytest.fixture
def vendored(repo: Repository, say: Say, tmp_path: Path) -> Repository:
    """A package of the index and one of a repository in ``vendor``, and no other copy anywhere."""
    forge = tmp_path / "forge"
    git_package(forge, "sauce", "1.0")
    manifest(
        repo.directory / "cookbooks" / "db-book",
        "db",
        ["sauce"],
        sources=f'sauce = {{ git = "file://{forge}" }}',
    )
    say("lock")
    assert say("vendor")["packages"] == 2
    forget(repo)
    shutil.rmtree(forge)
    for file in repo.wheels.iterdir():
        file.unlink()
    return repo


def forget(repo: Repository) -> None:
    """What uv and Toque have fetched."""
    shutil.rmtree(repo.directory / ".toque", ignore_errors=True)
    shutil.rmtree(os.environ["UV_CACHE_DIR"], ignore_errors=True)


def test_runs_take_vendored_packages_and_need_no_other(vendored: Repository, say: Say) -> None:
    assert say("explain", "web")["code"] == USED
    assert not (vendored.directory / ".toque" / "cookbooks").exists()
    assert "wheels" not in "".join(
        path.read_text() for path in (vendored.directory / "vendor").rglob("*") if path.is_file()
    )
    shutil.rmtree(vendored.directory / "vendor")
    text = vendored.lock()
    (vendored.directory / "toque.lock").write_text(
        text[: text.index("[vendor]")] + text[text.index("[[cookbook]]") :]
    )
    assert say("explain", "web")["code"] == "lock-packages-missing"


@pytest.mark.parametrize("file", ["packages/tiny.py", "packages/sauce.py", "SHA256SUMS"])
def test_a_byte_changed_in_a_vendored_package_is_refused_with_its_file(
    vendored: Repository,
    say: Say,
    file: str,
) -> None:
    path = vendored.directory / "vendor" / file
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data)

    error = say("explain", "web")

    assert (error["status"], error["code"]) == (5, "lock-packages-altered")
    assert error["found"] == f"vendor/{file} was changed"


@pytest.mark.parametrize(
    "file", ["packages/more.py", "packages/__pycache__/tiny.cpython-311.pyc", "packages/tiny.so"]
)
def test_a_file_more_or_less_among_vendored_packages_is_refused(
    vendored: Repository,
    say: Say,
    file: str,
) -> None:
    path = vendored.directory / "vendor" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    assert say("explain", "web")["found"] == f"vendor/{file} was added"
    path.unlink()
    tiny = vendored.directory / "vendor" / "packages" / "tiny.py"
    tiny.rename(vendored.directory / "elsewhere.py")
    assert say("explain", "web")["found"] == "vendor/packages/tiny.py is missing"
    tiny.symlink_to(vendored.directory / "elsewhere.py")
    error = say("explain", "web")
    assert error["code"] == "lock-packages-altered"
    assert "vendor/packages/tiny.py (a link) was added" in error["found"]
    tiny.unlink()
    (vendored.directory / "elsewhere.py").rename(tiny)
    path.symlink_to(vendored.wheels)
    assert say("explain", "web")["found"] == f"vendor/{file} (a link) was added"


def test_changed_files_with_sums_to_match_are_refused_by_the_lock(
    vendored: Repository,
    say: Say,
) -> None:
    """Who may write the folder and not the lock cannot have other code run."""
    folder = vendored.directory / "vendor"
    (folder / "packages" / "tiny.py").write_text("VERSION = 'stolen'\n")
    names = [line.partition("  ")[2] for line in (folder / "SHA256SUMS").read_text().splitlines()]
    done = subprocess.run(["sha256sum", *names], cwd=folder, check=True, capture_output=True)
    (folder / "SHA256SUMS").write_bytes(done.stdout)

    assert say("explain", "web")["found"] == "vendor/SHA256SUMS was changed"


def test_sha256sum_itself_finds_every_file_as_it_was(vendored: Repository) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=vendored.directory / "vendor",
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "packages/tiny.py: OK" in done.stdout


def test_git_brings_them_to_another_clone_as_they_are(
    repo: Repository,
    say: Say,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also text with the line ends of Windows, in a repository that would change them."""
    shutil.rmtree(repo.wheels)
    repo.wheels.mkdir()
    wheel(repo.wheels, "tiny", "2.0", files={"notes.txt": "a\r\nb\r\n"})
    (repo.directory / ".gitattributes").write_text("* text=auto eol=lf\n")
    (repo.directory / ".gitignore").write_text(".toque/\n")
    say("lock")
    say("vendor")
    git(repo.directory, "init", "-q")
    git(repo.directory, "add", "--all")
    git(repo.directory, "-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "x")
    forget(repo)
    git(tmp_path, "clone", "-q", str(repo.directory), "clone")
    monkeypatch.chdir(tmp_path / "clone")

    assert say("explain", "web")["code"] == USED


def test_lock_and_update_keep_the_folder_up_to_date(repo: Repository, say: Say) -> None:
    say("lock")
    before = say("vendor", "third/party")["lock"]
    wheel(repo.wheels, "tiny", "3.0")

    after = say("update", "tiny")

    assert after["lock"] != before
    kept = repo.directory / "third" / "party" / "packages" / "tiny.py"
    assert kept.read_text() == "VERSION = '3.0'\n"
    assert say("verify")["status"] == 0
    assert [path.name for path in (repo.directory / "third").iterdir()] == ["party"]


def test_vendoring_changes_nothing_of_what_is_locked(repo: Repository, say: Say) -> None:
    before = say("lock")["lock"]

    assert say("vendor")["lock"] == before
    first = repo.lock()
    assert say("lock")["lock"] == before
    assert repo.lock() == first


def test_a_merge_that_takes_one_of_two_locks_is_told(repo: Repository, say: Say) -> None:
    say("lock")
    say("vendor")
    (repo.directory / "toque.lock").write_text(repo.lock().replace('"2.0"', '"1.0"'))

    error = say("explain", "web")

    assert (error["status"], error["code"]) == (2, "vendor-stale")


def test_packages_for_another_system_are_told(repo: Repository, say: Say) -> None:
    wheel(repo.wheels, "small", "1.0", "tiny ; sys_platform == 'linux'")
    manifest(repo.directory / "cookbooks" / "web-book", "web", ["small"])
    say("lock")
    say("vendor")
    (system,) = [line for line in repo.lock().splitlines() if line.startswith("system = ")]
    text = repo.lock().replace(system, 'system = "cpython-399-plan9-vax"')
    (repo.directory / "toque.lock").write_text(text)

    error = say("explain", "web")

    assert (error["status"], error["code"]) == (2, "vendor-stale")
    assert error["found"] == "those for cpython-399-plan9-vax"
    assert system.partition('"')[2].rstrip('"') in error["expected"]


def test_verify_finds_what_was_vendored_wrong_from_the_start(
    repo: Repository,
    say: Say,
) -> None:
    say("lock")
    (kept,) = (repo.directory / ".toque" / "cookbooks").glob("*-cpython-*")
    (kept / "tiny.py").write_text("VERSION = 'stolen'\n")
    say("vendor")

    error = say("verify")

    assert (error["status"], error["code"]) == (5, "lock-packages-altered")
    assert error["found"] == "tiny.py"


@pytest.mark.parametrize("folder", ["/tmp/x", "../x", "a/../../x", ".git", ".toque/x", "."])
def test_packages_go_into_the_project_only(repo: Repository, say: Say, folder: str) -> None:
    say("lock")

    error = say("vendor", folder)

    assert (error["status"], error["code"]) == (2, "vendor-outside")
    text = repo.lock() + f'[vendor]\nfolder = "{folder}"\ndigest = "0"\nlock = "0"\n'
    (repo.directory / "toque.lock").write_text(text)
    assert say("explain", "web")["code"] == "toque-lock-unreadable"


def test_files_that_are_there_stay(repo: Repository, say: Say) -> None:
    say("lock")
    (repo.directory / "vendor").mkdir()
    (repo.directory / "vendor" / "mine").write_text("mine")

    error = say("vendor")

    assert (error["status"], error["code"]) == (2, "file-there")
    assert [path.name for path in (repo.directory / "vendor").iterdir()] == ["mine"]


def test_cookbooks_without_dependencies_have_nothing_to_vendor(
    repo: Repository,
    say: Say,
) -> None:
    manifest(repo.directory / "cookbooks" / "web-book", "web", ["toque>=0.1"])
    cookbook(repo.directory / "cookbooks" / "web-book", "web", "")

    assert say("vendor") == {"lock": None, "folder": None, "status": 0}
    assert not (repo.directory / "vendor").exists()
