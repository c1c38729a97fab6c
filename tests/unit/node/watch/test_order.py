"""What a deploy leaves for the watcher: written as a whole, and read only as a whole."""

from __future__ import annotations

import json

import pytest

from toque.node.applayout import watch_path
from toque.node.memory import MemorySystem
from toque.node.watch.order import Order, as_json, closed, open_order, read_order, write_order
from toque.node.watch.traffic import Position

ORDER = Order(
    app="thena",
    release="bbbbbbbbbbbb-000002",
    previous="aaaaaaaaaaaa-000001",
    began=1000.0,
    boot="b",
    until=60.0,
    log="/var/log/nginx/thena.access.log",
    position=Position(7, 4096),
    user="thena-deploy",
    keep=5,
    drain_s=30.0,
)


@pytest.fixture
def system() -> MemorySystem:
    made = MemorySystem()
    made.put("/var/lib/toque/apps", kind="directory")
    return made


def test_read_as_it_was_written_by_root_alone(system: MemorySystem) -> None:
    write_order(system, ORDER)

    assert read_order(system, "thena") == open_order(system, "thena") == ORDER
    there = system.stat(watch_path("thena"))
    assert there is not None
    assert (there.owner, there.mode) == ("root", 0o600)


def test_one_that_is_closed_is_not_open(system: MemorySystem) -> None:
    write_order(system, closed(ORDER, "put-back", ("5xx 12 % of 300",)))

    assert open_order(system, "thena") is None
    read = read_order(system, "thena")
    assert read is not None
    assert (read.verdict, read.reasons) == ("put-back", ("5xx 12 % of 300",))


@pytest.mark.parametrize(
    "change",
    [{"position": None}, {"reasons": None}, {"more": 1},
     {"position": {"inode": 1, "offset": 2, "x": 3}}],
)  # fmt: skip
def test_what_cannot_be_read_is_none(system: MemorySystem, change: dict[str, object]) -> None:
    system.put(watch_path("thena"), json.dumps({**as_json(ORDER), **change}).encode())
    assert read_order(system, "thena") is None


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"{", b"\xff", b"{}", b'"x"'])
def test_a_torn_file_is_none(system: MemorySystem, text: bytes) -> None:
    assert read_order(system, "thena") is None
    system.put(watch_path("thena"), text)
    assert read_order(system, "thena") is None
