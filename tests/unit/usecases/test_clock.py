"""A node whose clock is off is told, one that is near is not."""

import pytest

from toque.cli.show import clock_words
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


@pytest.mark.parametrize("off", [-86400, 61])
def test_a_clock_that_is_off_is_told_with_its_seconds(off):
    seen = []
    clock.watch_clock({"type": "start", "at": NOW + off}, seen.append)

    assert seen == [{"type": "clock-off", "seconds": off}]


def test_people_read_which_way_it_is_off():
    assert clock_words(90) == "clock-off: the node's clock is 90 s ahead of this machine's"
    assert clock_words(-90) == "clock-off: the node's clock is 90 s behind this machine's"
