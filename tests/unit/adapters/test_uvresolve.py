"""Versions chosen by the real uv, from a folder of wheels: no index is asked."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from toque.adapters.uvresolve import resolved
from toque.errors import AskedWrongly


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return folder


def wheel(folder: Path, name: str, version: str, needs: str = "") -> None:
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as made:
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        made.writestr(f"{info}/METADATA", text + (f"Requires-Dist: {needs}\n" if needs else ""))
        made.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        made.writestr(f"{info}/RECORD", "")


def pins(found: bytes) -> list[str]:
    return [line.split()[0] for line in found.decode().splitlines() if "==" in line]


def test_a_list_gets_its_versions_with_hashes_once(wheels: Path, tmp_path: Path) -> None:
    wheel(wheels, "tiny", "1.0", "small>=1")
    wheel(wheels, "small", "1.0")
    first = resolved(tmp_path / "locks", "tiny\n", "pyproject.toml", "3.10")
    wheel(wheels, "tiny", "2.0")

    again = resolved(tmp_path / "locks", "tiny\n", "pyproject.toml", "3.10")

    assert pins(first) == ["small==1.0", "tiny==1.0"]
    assert first.count(b"--hash=sha256:") == 2
    assert again == first


def test_a_list_that_has_changed_keeps_the_versions_of_the_rest(
    wheels: Path, tmp_path: Path
) -> None:
    wheel(wheels, "tiny", "1.0")
    resolved(tmp_path / "locks", "tiny\n", "pyproject.toml", "3.10")
    wheel(wheels, "tiny", "2.0")
    wheel(wheels, "other", "1.0")

    found = resolved(tmp_path / "locks", "tiny\nother\n", "pyproject.toml", "3.10")

    assert pins(found) == ["other==1.0", "tiny==1.0"]


def test_what_does_not_fit_together_is_told_in_uv_s_words(wheels: Path, tmp_path: Path) -> None:
    wheel(wheels, "tiny", "1.0")

    with pytest.raises(AskedWrongly) as caught:
        resolved(tmp_path / "locks", "tiny>1\n", "setup.cfg", "3.10")

    assert caught.value.code == "lock-unresolvable"
    assert caught.value.trouble.place == "setup.cfg"
    assert "tiny" in "".join(caught.value.trouble.log)
    assert not list((tmp_path / "locks").iterdir())  # nothing half made is kept
