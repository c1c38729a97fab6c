"""A load against a server that misbehaves: each fault is counted as what it is."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from toque.kitchen.load import (
    Ask,
    Ended,
    Load,
    LoadPlan,
    LoadResult,
    Talks,
    WebSocket,
    run_load,
)

HELLO = r"hello\n.*"


def loaded(port: int, path: str, keepalive: int = 1, new: int = 1) -> LoadResult:
    """Ten requests for ``path``, as fast as they go."""
    return run_load(
        LoadPlan(
            address="127.0.0.1",
            port=port,
            expect={path: HELLO},
            rate_per_s=2000,
            connections_keepalive=keepalive,
            connections_new=new,
            max_requests=10,
            max_seconds=20,
            timeout_s=5,
        )
    )


@pytest.mark.parametrize("path", ["/good", "/chunked"])
def test_whole_answers_are_good(port: int, path: str) -> None:
    result = loaded(port, path)

    assert (result.requests, result.failed, result.stale_reconnects) == (10, 0, 0)
    assert result.statuses == {200: 10}
    assert 0 < result.p50_ms <= result.p99_ms
    assert 0 < result.longest_gap_ms <= result.seconds * 1000 + 1
    assert result.failures == ()


def test_status_other_than_200_fails(port: int) -> None:
    result = loaded(port, "/error")

    assert (result.failed, result.truncated, result.wrong_body) == (10, 0, 0)
    assert result.statuses == {502: 10}
    assert "GET /error: status: 502 Bad Gateway" in result.failures[0]


def test_wrong_body_fails(port: int) -> None:
    result = loaded(port, "/wrong")

    assert (result.failed, result.wrong_body) == (10, 10)
    assert "goodbye" in result.failures[0]


@pytest.mark.parametrize("path", ["/short", "/endless", "/cut_chunk"])
def test_answer_not_known_to_be_whole_is_truncated(port: int, path: str) -> None:
    result = loaded(port, path)

    assert (result.failed, result.truncated) == (10, 10)
    assert result.statuses == {200: 10}


def test_closed_kept_connection_is_stale_and_repeated_once(port: int) -> None:
    result = loaded(port, "/idle_out", keepalive=1, new=0)

    assert (result.requests, result.failed) == (10, 0)
    assert result.stale_reconnects == 9


def test_closed_new_connection_is_a_failure_and_never_repeated(port: int) -> None:
    result = loaded(port, "/hang_up")

    assert (result.requests, result.failed, result.stale_reconnects) == (10, 10, 0)
    assert result.statuses == {0: 10}


def test_refused_connection_is_a_failure(closed_port: int) -> None:
    result = loaded(closed_port, "/good")

    assert (result.requests, result.failed) == (10, 10)
    assert "no answer: ConnectionRefusedError" in result.failures[0]


def test_paths_take_turns_and_failures_are_cut_at_twenty(port: int) -> None:
    plan = LoadPlan(
        address="127.0.0.1",
        port=port,
        expect={"/good": HELLO, "/error": HELLO},
        rate_per_s=2000,
        max_requests=60,
        max_seconds=20,
    )

    result = run_load(plan)

    assert result.statuses == {200: 30, 502: 30}
    assert len(result.failures) == 20


def test_load_ends_by_itself_after_its_seconds(port: int) -> None:
    plan = LoadPlan(
        address="127.0.0.1", port=port, expect={"/good": HELLO}, rate_per_s=100, max_seconds=0.2
    )

    result = run_load(plan)

    assert result.requests == 20  # those due before 0.2 s, however slow this machine is


def test_stop_ends_a_load_and_nothing_is_sent_afterwards(port: int) -> None:
    load = Load(LoadPlan(address="127.0.0.1", port=port, expect={"/good": HELLO}, rate_per_s=200))
    load.start()

    assert load.wait(requests=20, timeout_s=20)
    result = load.stop()

    assert 20 <= result.requests < 60_000
    assert result.failed == 0
    assert load.snapshot() == result


def test_result_as_json_has_text_keys(port: int) -> None:
    shown = loaded(port, "/good").as_json()

    assert shown["statuses"] == {"200": 10}
    assert shown["failed"] == 0


def test_a_post_carries_its_body_and_takes_its_turn(port: int) -> None:
    post = Ask("/sizes", r"20480\n", "POST", b"x" * 20480)
    plan = LoadPlan(
        address="127.0.0.1", port=port, expect={"/good": HELLO}, asks=[post], rate_per_s=0,
        max_requests=10, connections_keepalive=1, connections_new=1,
    )  # fmt: skip

    result = run_load(plan)

    assert (result.requests, result.failed) == (10, 0)
    assert run_load(replace(plan, asks=[replace(post, body=b"y")])).wrong_body == 5


def test_a_post_on_a_stale_connection_is_a_failure(port: int) -> None:
    plan = LoadPlan(
        address="127.0.0.1", port=port, expect={}, asks=[Ask("/idle_out", r"1\n", "POST", b"x")],
        rate_per_s=0, max_requests=4, connections_keepalive=1, connections_new=0,
    )  # fmt: skip

    result = run_load(plan)

    assert (result.requests, result.failed, result.stale_reconnects) == (4, 2, 0)
    assert "POST /idle_out: no answer: a kept connection was closed" in result.failures[0]


def test_a_load_without_a_rate_goes_as_fast_as_it_is_answered(port: int) -> None:
    load = Load(LoadPlan(address="127.0.0.1", port=port, expect={"/good": HELLO}, rate_per_s=0))
    begun = time.monotonic()
    load.start()

    assert load.wait(requests=200, timeout_s=20)
    result = load.stop()

    assert result.failed == 0
    assert load.p99_ms(begun, time.monotonic()) == result.p99_ms
    assert load.p99_ms(0, begun) == 0


def test_a_websocket_is_spoken_with_and_its_end_is_told_apart(port: int) -> None:
    for text in ("hello", "long" * 5000):
        line = WebSocket.connect("127.0.0.1", port, "/echo")
        assert line.ask(text) == text
        assert line.close() == 1000
    for text, code in (("bye", 1001), ("cut", 0)):
        with pytest.raises(Ended) as ended:
            WebSocket.connect("127.0.0.1", port, "/echo").ask(text)
        assert ended.value.code == code
    with pytest.raises(ConnectionError, match="502"):
        WebSocket.connect("127.0.0.1", port, "/error")


def test_talks_count_what_is_cut(port: int) -> None:
    plan = LoadPlan(address="127.0.0.1", port=port, expect={"/echo": ""})
    good, bad = Talks(plan, "/echo", seconds=0.2), Talks(plan, "/error", seconds=0.2)
    for talks in (good, bad):
        talks.start()
        assert talks.wait(requests=2, timeout_s=20)

    assert good.stop().failed == 0
    assert "WEBSOCKET /error: no answer: ConnectionError" in bad.stop().failures[0]
