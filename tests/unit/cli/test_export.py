"""``toque export``: what makes plans where there is no network, and holds no open secret."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cookbook_repository import Repository, commit, git_package, manifest, wheel
from toque.adapters.trees import files_below

Say = Callable[..., dict[str, Any]]
Offline = Callable[..., dict[str, Any]]
APP = """\
[apps.site]
repository = "."
layer = "web"
harmless_keys = [{harmless}]
"""
KEY = "-----BEGIN {}PRIVATE KEY-----\n" + "A" * 64 + "\n"


@pytest.fixture
def offline(tmp_path: Path) -> Offline:
    """``offline(folder, "plan", "web1")``: a command on a machine without a network, which has
    fetched nothing yet; /var/lib/toque is its own."""
    alone = ["unshare", "--map-root-user", "--net", "--mount"]
    if os.geteuid() == 0:
        alone.remove("--map-root-user")
    tried = subprocess.run(
        [*alone, "ip", "route", "show", "table", "all"], capture_output=True, text=True
    )
    if tried.returncode != 0:
        pytest.skip(f"no namespace without a network can be made here: {tried.stderr.strip()}")
    assert tried.stdout == ""  # no route leads anywhere
    script = 'mount -t tmpfs none /var/lib && exec "$@"'
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "TOQUE_"))}
    environ = {
        **kept,
        "UV_CACHE_DIR": str(tmp_path / "empty"),
        "UV_DEFAULT_INDEX": "http://192.0.2.1/simple",
        "UV_HTTP_RETRIES": "0",
    }

    def run(folder: Path, *argv: str) -> dict[str, Any]:
        shutil.rmtree(tmp_path / "empty", ignore_errors=True)
        done = subprocess.run(
            [*alone, "sh", "-c", script, "sh", sys.executable, "-m", "toque", *argv, "--json"],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
        )
        answer: dict[str, Any] = json.loads((done.stdout or done.stderr).splitlines()[-1])
        return {**answer.get("error", answer), "status": done.returncode}

    return run


def unpacked(bundle: Path, folder: Path) -> list[str]:
    """The names in a bundle, and its files below ``folder``, as tar(1) writes them."""
    folder.mkdir()
    subprocess.run(["tar", "-xzf", bundle, "-C", folder], check=True)
    return files_below(folder)


@pytest.mark.requirement("R46")
def test_a_bundle_makes_a_plan_without_a_network_and_the_project_alone_does_not(
    repo: Repository, say: Say, offline: Offline, tmp_path: Path
) -> None:
    forge = tmp_path / "forge"
    git_package(forge, "sauce", "1.0")
    source = f'sauce = {{ git = "file://{forge}" }}'
    manifest(repo.directory / "cookbooks" / "db-book", "db", ["sauce"], sources=source)
    lock = say("lock")["lock"]
    told = say("export", str(tmp_path / "site.tar.gz"))
    assert (told["status"], told["lock"], told["project"]) == (0, lock, "site")
    shutil.rmtree(forge)
    shutil.rmtree(repo.wheels)
    shutil.rmtree(os.environ["UV_CACHE_DIR"])
    shutil.rmtree(repo.directory / ".toque")

    names = unpacked(tmp_path / "site.tar.gz", tmp_path / "else")
    (plan,) = offline(tmp_path / "else" / "site", "plan", "web1")["plans"]
    alone = offline(repo.directory, "plan", "web1")

    assert plan["made_from"]["lock"] == lock
    assert [step["fields"]["message"] for step in plan["plan"]["steps"]] == ["tiny 2.0"]
    assert {f"site/toque-vendor/packages/{name}.py" for name in ("tiny", "sauce")} <= set(names)
    assert (alone["status"], alone["code"]) == (5, "lock-packages-missing")
    assert "toque export" in alone["hint"]


@pytest.mark.requirement("R46")
def test_locking_without_a_network_and_with_an_empty_cache_is_told(
    repo: Repository, offline: Offline
) -> None:
    error = offline(repo.directory, "lock")

    assert (error["status"], error["code"]) == (5, "lock-offline")
    assert "http://192.0.2.1/simple/tiny/" in error["found"]
    assert not (repo.directory / "toque.lock").exists()


def test_a_byte_changed_in_a_bundle_is_refused_with_its_file(
    repo: Repository, say: Say, offline: Offline, tmp_path: Path
) -> None:
    say("lock")
    say("export", str(tmp_path / "site.tar.gz"))
    unpacked(tmp_path / "site.tar.gz", tmp_path / "else")
    tiny = tmp_path / "else" / "site" / "toque-vendor" / "packages" / "tiny.py"
    tiny.write_text(tiny.read_text().replace("2.0", "2.1"))

    error = offline(tmp_path / "else" / "site", "plan", "web1")

    assert (error["status"], error["code"]) == (5, "lock-packages-altered")
    assert error["found"] == "toque-vendor/packages/tiny.py was changed"


def test_cookbooks_outside_of_the_project_keep_their_place(
    repo: Repository, say: Say, offline: Offline, tmp_path: Path
) -> None:
    """Beside it, and named by path from there; nothing of the project is changed for it."""
    shutil.move(repo.directory / "cookbooks", tmp_path / "books")
    words = tmp_path / "words"
    words.mkdir()
    (words / "words.py").write_text("")
    (words / "pyproject.toml").write_text('[project]\nname = "words"\n')
    source = 'words = { path = "../../words" }'
    manifest(tmp_path / "books" / "web-book", "web", ["tiny", "words"], sources=source)
    repo.toml("../books")
    say("lock")
    say("vendor")

    told = say("export", str(tmp_path / "site.tar.gz"))

    names = unpacked(tmp_path / "site.tar.gz", tmp_path / "else")
    assert told["project"] == "site/repository"
    assert {"site/words/words.py", "site/books/web-book/pyproject.toml"} <= set(names)
    assert not any(name.startswith(("site/wheels", "site/cache")) for name in names)
    shutil.rmtree(tmp_path / "books")
    shutil.rmtree(words)
    folder = tmp_path / "else" / told["project"]
    (plan,) = offline(folder, "plan", "web1")["plans"]
    assert [step["fields"]["message"] for step in plan["plan"]["steps"]] == ["tiny 2.0"]
    for name in ("toque.toml", "toque.lock"):
        assert (folder / name).read_bytes() == (repo.directory / name).read_bytes()


def test_a_vendored_project_is_carried_with_its_packages_although_git_ignores_them(
    repo: Repository, say: Say, offline: Offline, tmp_path: Path
) -> None:
    """And a package may bring keys for its tests, which open nothing."""
    wheel(repo.wheels, "tiny", "3.0", files={"tiny_test.pem": KEY.format("")})
    (repo.directory / ".gitignore").write_text("vendor/\n")
    say("lock")
    say("vendor")
    commit(repo.directory)

    assert say("export", str(tmp_path / "site.tar.gz"))["status"] == 0

    names = unpacked(tmp_path / "site.tar.gz", tmp_path / "else")
    assert "site/vendor/packages/tiny_test.pem" in names
    (plan,) = offline(tmp_path / "else" / "site", "plan", "web1")["plans"]
    assert [step["fields"]["message"] for step in plan["plan"]["steps"]] == ["tiny 3.0"]


def test_a_folder_vendor_of_the_projects_own_is_carried_as_it_is(
    repo: Repository, say: Say, offline: Offline, tmp_path: Path
) -> None:
    (repo.directory / "vendor").mkdir()
    (repo.directory / "vendor" / "theirs").write_text("x")
    say("lock")

    say("export", str(tmp_path / "site.tar.gz"))

    names = unpacked(tmp_path / "site.tar.gz", tmp_path / "else")
    assert "site/vendor/theirs" in names
    assert offline(tmp_path / "else" / "site", "plan", "web1")["status"] == 0


def test_what_is_kept_to_oneself_stays_here(repo: Repository, say: Say, tmp_path: Path) -> None:
    """Ignored files, the identity, variables in the clear, and where packages came from."""
    with (repo.directory / "toque.toml").open("a") as file:
        file.write(APP.format(harmless=""))
    (repo.directory / ".gitignore").write_text("*.dump\n")
    (repo.directory / "all.dump").write_text("rows")
    (repo.directory / ".env").write_text("PASSWORD=open\n")
    (repo.directory / ".env.example").write_text("PASSWORD=\n")
    say("lock")
    subprocess.run(
        [sys.executable, "-m", "toque", "env", "set", "TOKEN", "--secret"],
        cwd=repo.directory,
        input="correct horse battery",
        text=True,
        check=True,
        capture_output=True,
    )
    commit(repo.directory)

    say("export", str(tmp_path / "site.tar.gz"))

    names = unpacked(tmp_path / "site.tar.gz", tmp_path / "else")
    assert "site/secrets/site.age" in names
    assert "site/.env.example" in names
    assert "site/all.dump" not in names
    assert "site/.env" not in names
    assert not any("/.git/" in name or "/.toque/" in name for name in names)
    for name in names:
        data = (tmp_path / "else" / name).read_bytes()
        assert b"AGE-SECRET-KEY" not in data, name
        assert b"correct horse battery" not in data, name
        assert str(repo.wheels).encode() not in data, name


def test_an_open_secret_is_refused_with_its_file(
    repo: Repository, say: Say, tmp_path: Path
) -> None:
    bundle = tmp_path / "site.tar.gz"
    with (repo.directory / "toque.toml").open("a") as file:
        file.write(APP.format(harmless='"test.pem"'))
    say("lock")
    subprocess.run(
        [sys.executable, "-m", "toque", "env", "set", "TOKEN", "--secret"],
        cwd=repo.directory,
        input="correct horse battery",
        text=True,
        check=True,
        capture_output=True,
    )
    (repo.directory / "test.pem").write_text(KEY.format(""))
    assert say("export", str(bundle))["status"] == 0
    bundle.unlink()

    for name, text in (("notes.txt", "x correct horse battery x"), ("a.pem", KEY.format("RSA "))):
        (repo.directory / name).write_text(text)
        error = say("export", str(bundle))
        assert (error["status"], error["code"]) == (2, "export-secret")
        assert error["place"] == str(repo.directory / name)
        assert "horse" not in json.dumps(error)
        assert not bundle.exists()
        (repo.directory / name).unlink()


def test_what_would_not_be_in_its_place_elsewhere_is_refused(
    repo: Repository, say: Say, tmp_path: Path
) -> None:
    bundle = str(tmp_path / "site.tar.gz")
    say("lock")
    link = repo.directory / "cookbooks" / "out"
    for target in ("/etc/hostname", "../../wheels"):
        link.symlink_to(target)
        error = say("export", bundle)
        assert (error["status"], error["code"]) == (2, "export-outside")
        assert error["found"] == f"{link} -> {target}"
        link.unlink()
    web, shared = repo.directory / "cookbooks" / "web-book", tmp_path / "shared-book"
    manifest(shared, "shared", points="")
    for need, source in (
        ("shared-book", f'{{ path = "{shared}" }}'),
        (f"shared-book @ file://{shared}", ""),
    ):
        manifest(web, "web", [need], sources=f"shared-book = {source}" if source else "")
        error = say("export", bundle)
        assert (error["code"], error["found"]) == ("export-outside", str(shared))
    repo.toml(str(repo.directory / "cookbooks"))
    manifest(web, "web")
    error = say("export", bundle)
    assert (error["code"], error["found"]) == (
        "export-outside",
        str(repo.directory / "cookbooks"),
    )


def test_the_same_project_makes_the_same_bytes_and_overwrites_nothing(
    repo: Repository, say: Say, tmp_path: Path
) -> None:
    say("lock")
    (repo.directory / "run.sh").write_text("#!/bin/sh\n")
    (repo.directory / "run.sh").chmod(0o700)
    (repo.directory / "link").symlink_to("run.sh")
    first, second = tmp_path / "a" / "x.tar.gz", tmp_path / "b" / "x.tar.gz"
    for file in (first, second):
        file.parent.mkdir()
        assert say("export", str(file))["status"] == 0
        shutil.rmtree(repo.directory / ".toque")

    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == bytes(4)  # no time: RFC 1952, 2.3.1
    assert say("export", str(first))["code"] == "file-there"
    assert say("export", str(tmp_path / "none" / "x.tar.gz"))["code"] == "file-unwritable"
    with tarfile.open(first) as made:
        modes = {member.name: member.mode for member in made.getmembers()}
        assert made.getmember("x/link").linkname == "run.sh"
    assert (modes["x/run.sh"], modes["x/toque.toml"]) == (0o755, 0o644)


def test_cookbooks_without_dependencies_and_without_a_toque_toml_are_carried(
    repo: Repository, say: Say, tmp_path: Path
) -> None:
    manifest(repo.directory / "cookbooks" / "web-book", "web", ["toque>=0.1"])
    (repo.directory / "toque.toml").unlink()

    told = say("export", str(tmp_path / "books.tar.gz"))

    assert (told["lock"], told["files"]) == (None, 4)


def test_a_submodule_is_carried_with_what_git_ignores_left_out(
    repo: Repository, say: Say, tmp_path: Path
) -> None:
    """Cookbooks are often one."""
    say("lock")
    books = repo.directory / "cookbooks"
    (books / ".gitignore").write_text("*.dump\n")
    (books / "all.dump").write_text("rows")
    for folder in (books, repo.directory):
        commit(folder)

    say("export", str(tmp_path / "site.tar.gz"))

    names = unpacked(tmp_path / "site.tar.gz", tmp_path / "else")
    assert "site/cookbooks/web-book/src/web_book/__init__.py" in names
    assert not any(name.endswith(".dump") or "/.git/" in name for name in names)
