"""Adding up, with times given."""

from __future__ import annotations

import pytest

from toque.kitchen.load.account import Account, percentile
from toque.kitchen.load.client import Fault, Verdict

GOOD = Verdict(200)
BAD = Verdict(502, Fault.STATUS, "502 Bad Gateway")


def test_longest_gap_spans_failures() -> None:
    account = Account()
    account.begin(100.0)
    for now, verdict in ((100.1, GOOD), (100.2, BAD), (100.3, BAD), (100.6, GOOD), (100.7, GOOD)):
        account.add("GET /", verdict, due=now - 0.05, now=now)

    result = account.result()

    assert result.longest_gap_ms == 500.0
    assert (result.requests, result.failed, result.seconds) == (5, 2, 0.7)
    assert result.p50_ms == result.p99_ms == 50.0
    assert result.failures[0] == "0.200 s GET /: status: 502 Bad Gateway"


def test_silence_until_the_end_is_a_gap() -> None:
    account = Account()
    account.begin(0.0)
    account.add("GET /", GOOD, due=0.0, now=0.1)
    account.add("GET /", BAD, due=0.2, now=3.1)

    assert account.result().longest_gap_ms == 3000.0


def test_nothing_happened() -> None:
    account = Account()
    account.begin(5.0)

    result = account.result()

    assert (result.requests, result.p99_ms, result.longest_gap_ms) == (0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("count", "percent", "wanted"), [(1, 99, 1), (100, 50, 50), (100, 99, 99), (101, 99, 100)]
)
def test_percentile_is_the_nearest_rank(count: int, percent: int, wanted: int) -> None:
    assert percentile([float(n) for n in range(1, count + 1)], percent) == wanted
