"""A remembered digest is that of the file that is there now."""

import hashlib
import os
from pathlib import Path

import pytest

from toque.usecases import digests


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_second_time_the_file_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = tmp_path / "uv"
    big.write_bytes(b"one")
    first = digests.remembered_blob(big, tmp_path / "state")
    monkeypatch.setattr(digests, "blob_of", lambda path: pytest.fail("read again"))

    assert digests.remembered_blob(big, tmp_path / "state") == first
    assert (first.sha256, first.size) == (sha(big), 3)


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_seen(tmp_path: Path) -> None:
    big = tmp_path / "uv"
    big.write_bytes(b"one")
    digests.remembered_blob(big, tmp_path / "state")
    before = big.stat()
    (tmp_path / "new").write_bytes(b"two")
    (tmp_path / "new").replace(big)
    os.utime(big, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert digests.remembered_blob(big, tmp_path / "state").sha256 == sha(big)


@pytest.mark.parametrize("memory", ["", "[]", "{}", '{"file": 1}', "\x00"])
def test_a_damaged_memory_is_made_anew(tmp_path: Path, memory: str) -> None:
    big = tmp_path / "uv"
    big.write_bytes(b"one")
    (tmp_path / digests.FILE).write_text(memory)

    assert digests.remembered_blob(big, tmp_path).sha256 == sha(big)
    assert digests.remembered_blob(big, tmp_path).sha256 == sha(big)
