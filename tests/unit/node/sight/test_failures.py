"""Failed requests and their causes, out of lines as nginx and app servers write them."""

from __future__ import annotations

from typing import Any

import pytest

from toque.node.sight.failures import Failure, failures
from toque.node.sight.lines import ACCESS, APP, NGINX, Entry

AT = 1000.0
ID = "f" * 32
CLOSED = "upstream prematurely closed connection while reading response header from upstream"
UNIX = "connect() to unix:/srv/www/thena/current/.toque/app.sock failed"


def asked(status: int, *, uri: str = "/", at: float = AT, **more: Any) -> Entry:
    data = {"status": status, "method": "GET", "uri": uri, "upstream_header_seconds": "-", **more}
    return Entry(at, ACCESS, f"{status} GET {uri}", request=ID, data=data)


def nginx(text: str, uri: str = "/", at: float = AT) -> Entry:
    return Entry(at, NGINX, text, data={"method": "GET", "uri": uri, "level": "error"})


def app(*lines: str, at: float = AT, request: str = "") -> list[Entry]:
    return [Entry(at, APP, line, "R", request) for line in lines]


def one(*entries: Entry) -> Failure:
    found = failures(entries)
    assert len(found) == 1, found
    return found[0]


TRACE = (
    f"[{ID}] toque: failed GET /boom",
    f"[{ID}] Traceback (most recent call last):",
    f'[{ID}]   File "x.py", line 1, in f',
    f"[{ID}]     f()",
    f"[{ID}]     ^^^",
    f"[{ID}] RuntimeError: no arcs",
)


@pytest.mark.requirement("R49")
@pytest.mark.parametrize(
    ("code", "status", "error", "log"),
    [
        ("worker-timeout", 502, CLOSED, ["*** HARAKIRI ON WORKER 1 (pid: 9, try: 1) ***"]),
        ("worker-timeout", 502, CLOSED, ["[CRITICAL] WORKER TIMEOUT (pid:9)"]),
        ("worker-killed", 502, CLOSED, ["DAMN ! worker 1 (pid: 9) died, killed by signal 9 :("]),
        ("worker-killed", 502, CLOSED, ["[ERROR] Worker (pid:9) was sent SIGKILL!"]),
        ("worker-killed", 502, "recv() failed (104: Connection reset by peer) while reading",
         ["thena-R.service: Main process exited, code=killed, status=9/KILL"]),
        ("out-of-memory", 502, CLOSED, [
            "thena-R.service: A process of this unit has been killed by the OOM killer.",
            "DAMN ! worker 1 (pid: 9) died, killed by signal 9 :("]),
        ("worker-crashed", 502, CLOSED, ["!!! uWSGI process 9 got Segmentation Fault !!!"]),
        ("socket-missing", 502, f"{UNIX} (2: No such file or directory)", []),
        ("socket-permissions", 502, f"{UNIX} (13: Permission denied)", []),
        ("socket-refused", 502, f"{UNIX} (111: Connection refused)", []),
        ("backlog-full", 502, f"{UNIX} (11: Resource temporarily unavailable)", []),
        ("header-too-big", 502, "upstream sent too big header while reading response header", []),
        ("answer-too-late", 504, "upstream timed out (110: Connection timed out) while reading "
         "response header from upstream", []),
        ("body-too-large", 413, "client intended to send too large body: 9 bytes", []),
        ("response-cut", 200, "upstream prematurely closed connection while reading upstream", []),
        ("static-unreadable", 403, 'open() "/srv/x" failed (13: Permission denied)', []),
        ("disk-full", 500, 'pwrite() "/x" failed (28: No space left on device)', []),
    ],
)  # fmt: skip
def test_each_kind_of_failure_is_named_for_certain(
    code: str, status: int, error: str, log: list[str]
):
    failure = one(asked(status), nginx(error), *app(*log))

    assert (failure.code, failure.certain, failure.status) == (code, True, status)
    assert failure.trace[0] == error


@pytest.mark.requirement("R49")
def test_a_good_answer_just_before_takes_no_line_of_the_failed_one():
    missing = nginx(f"{UNIX} (2: No such file or directory)")

    failure = one(asked(200, at=AT - 0.5), missing, asked(502, at=AT + 0.2))

    assert (failure.code, failure.status) == ("socket-missing", 502)


@pytest.mark.requirement("R49", "R51")
def test_an_exception_is_found_by_the_id_of_its_request():
    failure = one(*app(*TRACE, request=ID), asked(500, uri="/boom", at=AT + 30))

    assert (failure.code, failure.message) == ("app-exception", "RuntimeError: no arcs (x.py:1)")
    assert (failure.request, failure.release, failure.certain) == (ID, "R", True)
    assert failure.trace[0] == "toque: failed GET /boom"
    assert failure.trace[-1] == "RuntimeError: no arcs"
    assert not any("^^^" in line for line in failure.trace)


@pytest.mark.requirement("R50")
def test_a_cut_response_is_a_failure_though_nginx_says_200():
    cut = [line.replace("failed", "cut") for line in TRACE]

    assert one(*app(*cut, request=ID), asked(200)).code == "response-cut"
    assert one(*app(*cut, request=ID)).code == "response-cut"  # also without nginx


def test_a_trace_without_an_id_is_only_likely():
    lines = [line.removeprefix(f"[{ID}] ") for line in TRACE[1:]]

    failure = one(asked(502), nginx(CLOSED), *app(*lines))

    assert (failure.code, failure.certain) == ("app-exception", False)
    assert failure.message == "RuntimeError: no arcs"


@pytest.mark.parametrize(
    ("code", "entries"),
    [
        ("connection-lost-inside", [asked(502), nginx(CLOSED)]),
        ("not-explained", [asked(502)]),
        ("worker-ended", [asked(502), nginx(CLOSED), *app("[INFO] Worker exiting (pid: 9)")]),
        ("connection-lost-inside",
         [asked(502), nginx(CLOSED), *app("*** HARAKIRI ON WORKER 1 ***", at=AT + 60)]),
    ],
)  # fmt: skip
def test_what_no_log_proves_is_never_certain(code: str, entries: list[Entry]):
    failure = one(*entries)

    assert (failure.code, failure.certain) == (code, False)


@pytest.mark.parametrize(("slow", "certain"), [("/", True), ("/other", False)])
def test_a_worker_that_was_ended_is_the_cause_only_of_what_it_had_at_hand(slow: str, certain: bool):
    """On a slow machine many things happen within the seconds by which logs are joined."""
    ended = (
        "*** HARAKIRI ON WORKER 1 (pid: 9, try: 1) ***",
        f"HARAKIRI [core 1] 0.0.0.0 - GET {slow} since 998",
        "DAMN ! worker 1 (pid: 9) died, killed by signal 9 :( trying respawn ...",
    )

    failure = one(asked(502), nginx(CLOSED), *app(*ended))

    assert (failure.code, failure.certain) == ("worker-timeout", certain)


def test_the_apps_own_5xx_is_its_own():
    given = asked(503, upstream_status="503", upstream_header_seconds="0.01")

    assert one(given).code == "app-answered-error"


def test_requests_that_went_well_and_lines_of_others_are_no_failures():
    assert failures([asked(200), asked(404), nginx(CLOSED, uri="/other")]) == []


def test_each_line_of_nginx_is_about_one_request():
    found = failures([asked(502), asked(502), nginx(CLOSED), nginx(f"{UNIX} (2: No such file)")])

    assert sorted(f.code for f in found) == ["connection-lost-inside", "socket-missing"]


def test_what_a_rehearsal_asked_is_told_apart_from_what_a_visitor_asked():
    ours = "toque-" + "0" * 16
    found = failures(
        [*app(f"[{ours}] toque: failed GET /", request=ours), *app(TRACE[0], request=ID)]
    )

    assert {one.request: one.visited for one in found} == {ours: False, ID: True}
