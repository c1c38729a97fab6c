"""The files of a project: what git tracks or would track; without git all but those of tools."""

from __future__ import annotations

import subprocess
from pathlib import Path

from toque.adapters.git import prefix
from toque.bootstrap import project_files


def tree(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in project_files(folder)]


def test_ignored_files_are_left_out_unless_they_are_tracked(tmp_path: Path) -> None:
    tree(tmp_path, "a.py", "b/\xe4 \n.py", "new.py", "local.key", "tracked.key", "gone.py")
    (tmp_path / ".gitignore").write_text("*.key\n")
    (tmp_path / "link").symlink_to("a.py")
    for argv in (["init", "-q"], ["add", "a.py", "b", "gone.py"], ["add", "-f", "tracked.key"]):
        subprocess.run(["git", *argv], cwd=tmp_path, check=True)
    (tmp_path / "gone.py").unlink()

    assert names(tmp_path) == [".gitignore", "a.py", "b/\xe4 \n.py", "new.py", "tracked.key"]
    assert names(tmp_path / "b") == ["\xe4 \n.py"]
    assert (prefix(tmp_path), prefix(tmp_path / "b")) == ("", "b")


def test_without_a_repository_all_but_tools_folders_count(tmp_path: Path) -> None:
    tree(tmp_path, "a.py", ".env", "tests/key", ".venv/lib/x.py", "web/__pycache__/x.pyc")

    assert names(tmp_path) == [".env", "a.py", "tests/key"]
    assert prefix(tmp_path) == ""
