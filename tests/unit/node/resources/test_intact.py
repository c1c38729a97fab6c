"""A release whose parts were deleted by hand is named as such, and one astray starts anew."""

from __future__ import annotations

import pytest

from toque.node.errors import NotReady
from toque.node.inits import UnitState
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid
from toque.node.resources import intact
from toque.node.resources.current import Current
from toque.node.resources.intact import Intact

ID = "aaaaaaaaaaaa-000001"
RELEASE = f"/srv/www/shop/releases/{ID}"
UNIT = f"shop-{ID}.service"
PARTS = {
    "release.json": f"{RELEASE}/.toque/release.json",
    "marker": "/srv/www/shop/venvs/KEY/.toque-complete",
    "environment": f"/etc/toque/apps/shop/{ID}.env",
    "unit": f"/etc/systemd/system/{UNIT}",
}
WANTED = Intact("shop", release=ID)


class Init:
    name = "systemd"

    def __init__(self, pid: int = 0) -> None:
        self.pid = pid
        self.stopped: list[str] = []

    def state(self, name: str) -> UnitState:
        return UnitState(name, "loaded", "active" if self.pid else "inactive", pid=self.pid)

    def stop(self, name: str) -> None:
        self.stopped.append(name)
        self.pid = 0


@pytest.fixture
def init(monkeypatch: pytest.MonkeyPatch) -> Init:
    made = Init()
    monkeypatch.setattr(intact, "choose", lambda system: made)
    return made


@pytest.fixture
def system() -> MemorySystem:
    made = MemorySystem()
    for path in PARTS.values():
        made.put(path)
    made.link(f"{RELEASE}/.toque/venv", "/srv/www/shop/venvs/KEY")
    return made


def test_a_release_that_is_whole(system: MemorySystem, init: Init) -> None:
    assert WANTED.found(system) == WANTED.wanted()


@pytest.mark.parametrize("part", PARTS)
def test_what_is_missing_is_named(system: MemorySystem, init: Init, part: str) -> None:
    system.remove(PARTS[part])

    with pytest.raises(NotReady) as caught:
        WANTED.found(system)

    assert caught.value.code == "release-incomplete"
    assert caught.value.found == f"missing: {PARTS[part]}"
    assert caught.value.hint == "toque deploy shop --ref aaaaaaaaaaaa"


def test_all_of_it_is_missing(init: Init) -> None:
    with pytest.raises(NotReady) as caught:
        WANTED.found(MemorySystem())

    assert caught.value.found.count("/") > 10
    assert f"{RELEASE}/.toque/venv" in caught.value.found


def test_an_instance_of_a_deleted_directory_starts_anew(system: MemorySystem, init: Init) -> None:
    init.pid = 7
    system.put("/proc/7/status")
    system.link("/proc/7/cwd", RELEASE)
    assert WANTED.found(system) == WANTED.wanted()
    system.link("/proc/7/cwd", f"{RELEASE} (deleted)")
    assert WANTED.found(system) == {"astray": True}

    WANTED.fix(system, frozenset({"astray"}))

    assert init.stopped == [UNIT]
    assert WANTED.found(system) == WANTED.wanted()


def test_only_ids_of_releases() -> None:
    with pytest.raises(Invalid):
        Intact("shop", release="../x").validate()


def test_a_link_that_leads_nowhere_is_told(system: MemorySystem) -> None:
    current = Current("/srv/www/shop/current", release=f"releases/{ID}", unit=UNIT, app="shop")
    system.put("/var/lib", kind="directory")
    system.link("/srv/www/shop/current", "releases/bbbbbbbbbbbb-000002")
    system.programs["systemctl"] = lambda argv, stdin, user: _done(argv)

    current.fix(system, frozenset({"release"}))

    assert "led to releases/bbbbbbbbbbbb-000002, which is not there any more" in "".join(
        system.taken_notes()
    )


def _done(argv):  # type: ignore[no-untyped-def]
    from toque.node.system import Result

    return Result(argv, 0)
