"""Lines of logs as entries, and entries by time."""

from __future__ import annotations

import json
import time

import pytest

from toque.node.sight.lines import (
    Entry,
    access_line,
    app_line,
    iso,
    journal_line,
    merged,
    nginx_line,
    said_time,
    untimed,
)


def test_a_line_of_nginx_has_its_time_and_its_request():
    line = (
        "2026/11/23 05:48:27 [error] 2636#2636: *3 connect() failed (2: No such file), client: "
        '10.0.0.1, server: _, request: "GET /boom?a=b HTTP/1.1", upstream: "x"'
    )

    entry = nginx_line(line)

    assert entry is not None
    assert entry.at == time.mktime((2026, 11, 23, 5, 48, 27, 0, 0, -1))
    assert entry.text.startswith("connect() failed")
    assert entry.data == {"level": "error", "method": "GET", "uri": "/boom?a=b"}
    assert nginx_line("not one of nginx's") is None


def test_a_line_of_the_access_log_is_json_with_milliseconds():
    said = {"time": "2026-11-23T05:48:27+00:00", "at": 1795412907.25, "request_id": "ab",
            "status": 502, "method": "GET", "uri": "/", "seconds": 0.006}  # fmt: skip

    entry = access_line(json.dumps(said))

    assert entry is not None
    assert (entry.at, entry.request) == (1795412907.25, "ab")
    assert entry.text == "502 GET / 0.006 s"
    del said["at"]  # as it was written before
    earlier = access_line(json.dumps(said))
    assert earlier is not None and earlier.at == iso("2026-11-23T05:48:27Z")
    for bad in ("", "{}", "[]", '{"time": "x", "status": 1}'):
        assert access_line(bad) is None


def test_a_line_of_the_journal_may_be_bytes_that_are_no_text():
    said = {"__REALTIME_TIMESTAMP": "1795412907250000", "MESSAGE": [104, 195, 40], "_PID": "7"}

    entry = journal_line(json.dumps(said), "R")

    assert entry is not None
    assert (entry.at, entry.release, entry.data) == (1795412907.25, "R", {"pid": "7"})
    assert entry.text.startswith("h")
    assert journal_line("{}") is None and journal_line("nonsense") is None


def test_the_middlewares_lines_tell_their_request():
    assert app_line(1.0, "[abc] toque: failed GET /", "R").request == "abc"
    assert app_line(1.0, "[2026-11-23 05:00:00 +0000] [7] [INFO] x", "R").request == ""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("[2026-11-23 05:48:27 +0000] [7] [INFO] Booting worker", "2026-11-23T05:48:27+00:00"),
        ("[2026-11-23 05:48:27 +0100] [7] [INFO] Booting worker", "2026-11-23T05:48:27+01:00"),
        ("[ab] toque: cut GET /a at b at 2026-11-23T05:48:27Z", "2026-11-23T05:48:27+00:00"),
    ],
)
def test_servers_say_the_time_in_their_own_ways(line: str, expected: str):
    assert said_time(line) == iso(expected)


def test_lines_without_a_time_have_that_of_the_one_above():
    lines = ["first", "[2026-11-23 05:48:27 +0000] two", "three", "[9999-11-23 05:48:27 +0000] far"]

    found = untimed(lines, iso("2026-11-23T06:00:00Z"), "R")

    known = iso("2026-11-23T05:48:27Z")
    assert [entry.at for entry in found] == [known, known, known, iso("2026-11-23T06:00:00Z")]
    assert [entry.text for entry in found] == lines


@pytest.mark.requirement("R64")
def test_entries_are_merged_by_time_and_keep_their_order_within_a_moment():
    given = [Entry(2.0, "app", "b"), Entry(2.0, "app", "c"), Entry(1.0, "nginx", "a")]

    assert [entry.text for entry in merged(given, 10)] == ["a", "b", "c"]
    assert [entry.text for entry in merged(given, 2)] == ["b", "c"]
