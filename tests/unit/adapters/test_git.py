"""The controller's repositories, with the real git."""

import subprocess
from pathlib import Path

import pytest

from toque.adapters import git
from toque.errors import AskedWrongly


def run(folder: Path, *argv: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.invalid")
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *argv], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(tree: Path, text: str) -> str:
    (tree / "app").mkdir(exist_ok=True)
    (tree / "app" / "lock").write_text(text)
    run(tree, "add", "--all")
    run(tree, "commit", "-q", "-m", text)
    return run(tree, "rev-parse", "HEAD")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    run(folder, "init", "-q", "--initial-branch=main")
    commit(folder, "one")
    return folder


def everything(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_a_bare_repository_is_made_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    for name in ("new.git", "empty"):
        git.init_bare(tmp_path / name)

        assert run(tmp_path / name, "rev-parse", "--is-bare-repository") == "true"


def test_a_bare_repository_that_is_there_is_used(tree: Path, tmp_path: Path) -> None:
    bare = git.init_bare(tmp_path / "x.git")
    run(tree, "push", "-q", str(bare.path), "main")

    assert git.init_bare(bare.path).resolve("main") == run(tree, "rev-parse", "HEAD")


@pytest.mark.parametrize("place", ["tree", "tree/app", "bare.git/hooks", "files", "files/mine"])
def test_nothing_is_written_among_other_files(tree: Path, tmp_path: Path, place: str) -> None:
    bare = git.init_bare(tmp_path / "bare.git").path
    (bare / "hooks").mkdir(exist_ok=True)
    (bare / "hooks/mine").write_text("x")
    (tmp_path / "files").mkdir()
    (tmp_path / "files/mine").write_text("x")
    before = everything(tmp_path)

    with pytest.raises(AskedWrongly) as caught:
        git.init_bare(tmp_path / place)

    assert caught.value.code == "hook-not-bare"
    assert everything(tmp_path) == before


def test_a_folder_of_a_work_tree_knows_where_it_is(tree: Path, tmp_path: Path) -> None:
    found = git.open_repository(str(tree / "app"))

    assert found.prefix == "app"
    assert found.read(found.resolve("main"), "app/lock") == b"one"
    assert git.open_repository(str(tree)).prefix == ""


def test_files_are_read_together_whatever_is_in_them(tree: Path) -> None:
    files = {"a b": b"x\n\0y blob 3\n", "empty": b"", "missing": b"missing\n", "\xe4": b"1"}
    for name, data in files.items():
        (tree / "app" / name).write_bytes(data)
    (tree / "app" / "link").symlink_to("lock")
    head = commit(tree, "one")

    paths = [
        *(f"app/{name}" for name in files),
        "app",
        "app/none",
        "none missing",
        "app/link",
        "x\ny",
    ]
    found = git.Repository(tree).read_all(head, paths)

    assert found == {
        **{f"app/{name}": data for name, data in files.items()},
        "app": None, "app/none": None, "none missing": None, "app/link": b"lock", "x\ny": None,
    }  # fmt: skip
    assert git.Repository(tree).read_all("0" * 40, ["app/lock"]) == {"app/lock": None}


def test_a_commit_older_than_what_the_node_knows_is_sent(tree: Path, tmp_path: Path) -> None:
    """git refuses to make an empty bundle, which leaving out the newer one would ask for."""
    older = run(tree, "rev-parse", "HEAD")
    newer = commit(tree, "two")
    repository = git.Repository(tree)

    repository.bundle(older, tmp_path / "bundle", known=[newer])

    git.init_bare(tmp_path / "node.git")
    run(tmp_path / "node.git", "bundle", "unbundle", str(tmp_path / "bundle"))
    assert run(tmp_path / "node.git", "cat-file", "-t", older) == "commit"


def test_only_what_the_node_lacks_is_sent(tree: Path, tmp_path: Path) -> None:
    known = run(tree, "rev-parse", "HEAD")
    newer = commit(tree, "two")

    git.Repository(tree).bundle(newer, tmp_path / "bundle", known=[known, "f" * 40, "--all"])

    assert f"-{known}" in (tmp_path / "bundle").read_bytes().decode("latin-1")


def test_files_that_contain_a_word_are_named_from_the_top(tmp_path):
    work = tmp_path / "work"
    (work / "a folder").mkdir(parents=True)
    (work / "a folder" / "x:y").write_text("one -----WORD----- line\n")
    (work / "binary").write_bytes(b"\0\xff-----WORD-----\0")
    (work / "other").write_text("WORD\n")
    who = ["-c", "user.name=A", "-c", "user.email=a@example.invalid"]
    for argv in (["init", "-q"], ["add", "--all"], [*who, "commit", "-q", "-m", "a"]):
        git.git("-C", str(work), *argv)
    commit = git.git("-C", str(work), "rev-parse", "HEAD").stdout.decode().strip()

    for path in (work, work / "a folder", work / ".git"):
        there = git.Repository(path)
        assert there.containing(commit, ["-----WORD", "--x"]) == ["a folder/x:y", "binary"]
        assert there.containing(commit, ["no such word"]) == []
