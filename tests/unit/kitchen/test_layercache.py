"""Which layer a new machine begins from before its plan is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from toque.kitchen.layercache import LayerCache, base_of
from toque.kitchen.state import Store


@pytest.fixture
def cache(tmp_path: Path) -> LayerCache:
    return LayerCache(Store.from_environment(_environ(tmp_path)))


def _environ(folder: Path) -> dict[str, str]:
    return {"TOQUE_KITCHEN_DIR": str(folder / "state"), "TOQUE_CACHE_DIR": str(folder / "cache")}


def _machine(cache: LayerCache, name: str) -> Path:
    """A new machine's folder, in which something has been written."""
    folder = cache.store.folder(name)
    (folder / "upper").mkdir(parents=True)
    (folder / "upper" / "file").write_text("made\n")
    return folder


def test_a_new_machine_begins_as_its_namesake_did(cache: LayerCache) -> None:
    cache.keep(_machine(cache, "web"), "a1", "debian-12")
    cache.store.remove_folder("web")
    other, again = _machine(cache, "db"), _machine(cache, "web")

    cache.stand_as_before(other, "debian-12")
    cache.stand_as_before(again, "debian-12")

    assert (base_of(other), base_of(again)) == ([], ["a1"])
    assert (other / "upper" / "file").exists()
    assert [tree.name for tree in cache.trees(again)] == ["tree"]


def test_it_does_not_on_another_image_or_when_the_layer_is_gone(cache: LayerCache) -> None:
    machine = _machine(cache, "web")
    cache.keep(machine, "a1", "debian-12")
    cache.store.remove_folder("web")

    cache.stand_as_before(machine, "debian-13")
    assert base_of(machine) == []

    assert cache.prune(0) == ["a1"]
    cache.stand_as_before(machine, "debian-12")
    assert base_of(machine) == []
    assert list(cache.folder.iterdir()) == []


def test_it_does_not_when_its_namesake_went_back_to_the_image(cache: LayerCache) -> None:
    machine = _machine(cache, "web")
    cache.keep(machine, "a1", "debian-12")

    cache.stand_on(machine, "", "debian-12")
    cache.stand_as_before(machine, "debian-12")

    assert base_of(machine) == []
