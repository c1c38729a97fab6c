"""A node whose clock is off is told, one that is near is not."""

import pytest

from toque.usecases import clock

NOW = 1_800_000_000


@pytest.fixture(autouse=True)
def now(monkeypatch):
    monkeypatch.setattr(clock.time, "time", lambda: float(NOW))


@pytest.mark.parametrize("at", [NOW, NOW - 60, NOW + 60, None, "soon", 1.5])
def test_a_clock_that_is_near_or_not_told_is_not_mentioned(at):
    seen = []
    clock.watch_clock({"type": "start", "at": at}, seen.append)

    assert seen == []


@pytest.mark.parametrize(
    ("off", "message"),
    [
        (-86400, "the node's clock is 86400 s behind this machine's"),
        (61, "the node's clock is 61 s ahead of this machine's"),
    ],
)
def test_a_clock_that_is_off_is_told_with_its_seconds(off, message):
    seen = []
    clock.watch_clock({"type": "start", "at": NOW + off}, seen.append)

    assert seen[0]["type"] == "warning"
    assert (seen[0]["trouble"]["code"], seen[0]["trouble"]["message"]) == ("clock-off", message)
