"""The same project, read from a commit and from a folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

from toque.adapters.git import open_repository
from toque.adapters.trees import CommitTree, FolderTree
from toque.detect.tree import LARGEST

FILES = {
    "app/main.py": b"app = 1\n",
    "app/pyproject.toml": b"[project]\n",
    "app/data.bin": b"\0",
    "app/big.py": b"#" * (LARGEST + 1),
    "app/\xe4 b\n.py": b"odd = 1\n",
    "other/app.py": b"x\n",
}


def test_a_commit_and_a_folder_read_alike(tmp_path: Path) -> None:
    for name, data in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "app/link.py").symlink_to("/etc/passwd")
    for argv in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        who = ["-c", "user.name=A", "-c", "user.email=a@example.invalid"]
        subprocess.run(["git", *who, *argv], cwd=tmp_path, check=True)
    (tmp_path / "app/.venv").mkdir()
    (tmp_path / "app/.venv/x.py").write_text("")
    repository = open_repository(str(tmp_path / "app"))

    commit = CommitTree(repository, repository.resolve_head())
    folder = FolderTree(tmp_path / "app")

    names = sorted(name[4:] for name in FILES if name.startswith("app/"))
    assert list(commit.paths()) == list(folder.paths()) == names
    for tree in (commit, folder):
        assert tree.read("main.py") == b"app = 1\n"
        assert tree.read("\xe4 b\n.py") == b"odd = 1\n"
        assert tree.read("big.py") is None
        assert tree.read("link.py") is None
        assert tree.read("../other/app.py") is None
    assert repository.uncommitted() == [".venv/x.py"] or repository.uncommitted() == ["app/.venv/"]
