"""Files where there were none: all of them or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from toque.errors import AskedWrongly
from toque.usecases.newfiles import write_new


def test_all_are_written(tmp_path: Path) -> None:
    made = write_new(tmp_path / "new", {"a": b"1", "b/c": b"2"}, "elsewhere")

    assert [path.read_bytes() for path in made] == [b"1", b"2"]


def test_none_is_written_when_one_is_there(tmp_path: Path) -> None:
    (tmp_path / "b").symlink_to("nowhere")

    with pytest.raises(AskedWrongly) as caught:
        write_new(tmp_path, {"a": b"1", "b": b"2"}, "toque new cookbook b --at DIR")

    assert caught.value.code == "file-there"
    assert caught.value.trouble.hint == "toque new cookbook b --at DIR writes into another folder"
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_none_is_left_when_one_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("a file, where a folder is wanted")

    with pytest.raises(AskedWrongly) as caught:
        write_new(tmp_path, {"a": b"1", "b/c": b"2"}, "elsewhere")

    assert caught.value.code == "file-unwritable"
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
