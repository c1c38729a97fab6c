"""nginx's log read while it grows, across logrotate, whatever stands in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toque.node.model import Facts
from toque.node.realsystem import RealSystem
from toque.node.watch.judge import Requests
from toque.node.watch.traffic import Position, before, counted, end_of, since, together

SYSTEM = RealSystem(Facts(os="debian", release="12", codename="bookworm"))
AT = 1795413600.0  # 2026-11-23T06:00:00Z


def line(status: int = 200, *, second: int = 10, took: str = "0.050", up: str = "unix:/x") -> bytes:
    told = json.dumps({"time": f"2026-11-23T06:00:{second:02d}+00:00", "status": status,
                       "upstream": up})  # fmt: skip
    return f'{told[:-1]}, "seconds": {took}}}\n'.encode()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def add(log: Path, data: bytes) -> None:
    with log.open("ab") as file:
        file.write(data)


@pytest.mark.parametrize(
    "hostile",
    [
        b"", b"{}", b"[1]", b"null", b'"x"', b"17", b'{"status":', b"\xff\xfe", b"\x00" * 40,
        b'{"status": 200}', b'{"status": "x", "seconds": 1}', b'{"status": [], "seconds": 1}',
        b'{"status": Infinity, "seconds": 1}', b'{"status": 1e999, "seconds": 1}',
        b'{"status": 200, "seconds": null}', b"[" * 100_000,
        b'{"status": 500, "seconds": 1, "upstream": ""}',
        b'{"status": 500, "seconds": 1, "upstream": "u"}',  # no time
        b'{"status": 500, "seconds": 1, "upstream": "u", "time": 7}',
        b'{"status": 500, "seconds": 1, "upstream": "u", "time": "yesterday"}',
    ],
)  # fmt: skip
def test_what_is_no_line_of_ours_is_passed_over(hostile: bytes) -> None:
    assert counted([hostile, line(503)[:-1], hostile], began=AT) == Requests(1, 1, ())


def test_what_counts() -> None:
    lines = [line(200, took="0.5"), line(404, took="0.1"), line(502, took="60"),
             line(101, took="3600"), line(200, up="")]  # fmt: skip
    assert counted(lines) == Requests(4, 1, (0.5, 0.1))


def test_what_began_before_the_switch_is_the_old_releases() -> None:
    lines = [line(500, second=12, took="5.0"), line(500, second=12, took="1.0")]
    assert counted(lines, began=AT + 10).errors == 1
    assert counted(lines).errors == 2


def test_a_log_that_grows_by_parts_of_lines(log: Path) -> None:
    log.write_bytes(line() * 3)
    place = end_of(SYSTEM, str(log))
    assert since(SYSTEM, str(log), place) == (Requests(), place)
    whole = line(500) + line(200) + line(200)
    told = Requests()
    for part in range(0, len(whole), 7):
        add(log, whole[part : part + 7])
        new, place = since(SYSTEM, str(log), place)
        told = together(told, new)
    assert (told.count, told.errors) == (3, 1)
    assert before(SYSTEM, str(log), end_of(SYSTEM, str(log))).count == 6


def test_a_log_that_is_rotated_loses_nothing(log: Path) -> None:
    log.write_bytes(line() * 5)
    place = end_of(SYSTEM, str(log))
    add(log, line(501))
    log.rename(f"{log}.1")
    add(Path(f"{log}.1"), line(502))  # nginx writes on until it is told
    log.write_bytes(line(503))

    told, place = since(SYSTEM, str(log), place)

    assert (told.count, told.errors) == (3, 3)
    assert since(SYSTEM, str(log), place) == (Requests(), place)


def test_a_log_that_is_emptied_in_place(log: Path) -> None:
    log.write_bytes(line() * 5)
    place = end_of(SYSTEM, str(log))
    with log.open("r+b") as file:
        file.truncate(0)
    add(log, line(503))
    assert since(SYSTEM, str(log), place)[0].errors == 1


def test_what_was_before_is_found_in_the_rotated_log_too(log: Path) -> None:
    Path(f"{log}.1").write_bytes(line(200) * 4)
    log.write_bytes(line(500) * 2)
    place = end_of(SYSTEM, str(log))
    add(log, line(404))
    assert before(SYSTEM, str(log), place).count == 6
    # Rotated between the switch and this look.
    log.rename(f"{log}.1")
    log.write_bytes(line(404) * 3)
    told = before(SYSTEM, str(log), place)
    assert (told.count, told.errors) == (2, 2)


def test_a_log_that_is_not_there(log: Path) -> None:
    place = end_of(SYSTEM, str(log))
    assert place == Position()
    assert before(SYSTEM, str(log), place) == Requests()
    assert since(SYSTEM, str(log), place) == (Requests(), place)
    log.write_bytes(line(200))
    assert since(SYSTEM, str(log), place)[0].count == 1
