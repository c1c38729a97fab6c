"""What is put back, what is marked and what is left alone; and how often wrongly."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from toque.node.watch.judge import CHANCE, Health, Requests, by_chance, judge, percentile, tail

MB = 1 << 20
FAST = [0.02] * 95 + [0.1] * 5


def requests(count: int, errors: int = 0, *, slow: int = 0, took: float = 1.0) -> Requests:
    """``count`` requests, ``slow`` of those answered in ``took`` seconds and the rest as usual."""
    good = count - errors - slow
    return Requests(count, errors, tuple([took] * slow + (FAST * (good // 100 + 1))[:good]))


BEFORE = requests(4000, 4)
FEW = requests(100)
NONE = Requests()
SOUND = Health()
LEAK = Health(memory=3000 * MB, memory_before=200 * MB, free=0.03)

# What was before, what is now, how the instance is; the verdict and the words that say why.
TABLE = [
    (BEFORE, requests(300), SOUND, "good", ""),
    (BEFORE, requests(1000, 2), SOUND, "good", ""),
    (BEFORE, requests(300, 3), SOUND, "degraded", "5xx 1 % of 300 (before 0.1 % of 4,000)"),
    (FEW, requests(300, 3), SOUND, "degraded", "5xx 1 % of 300 (before 0 % of 100)"),
    (BEFORE, requests(300, 15), SOUND, "put-back", "5xx 5 % of 300 (before 0.1 % of 4,000)"),
    (BEFORE, requests(300, 36), SOUND, "put-back", "5xx 12 % of 300 (before 0.1 % of 4,000)"),
    (BEFORE, requests(50, 10), SOUND, "put-back", "5xx 20 % of 50"),
    (FEW, requests(300, 90), SOUND, "put-back", "5xx 30 % of 300 (before 0 % of 100)"),
    (FEW, requests(100, 5), SOUND, "degraded", "5xx 5 % of 100"),  # 100 do not tell 0 from 2 %
    (NONE, requests(6, 6), SOUND, "put-back", "5xx 100 % of 6 (no visitors before)"),
    (NONE, requests(2, 2), SOUND, "good", ""),  # a visitor's bad luck
    (NONE, requests(300), SOUND, "good", ""),
    (NONE, NONE, SOUND, "good", ""),  # silence
    (BEFORE, NONE, SOUND, "good", ""),
    # It failed as much before: there is nothing better to go back to.
    (requests(1000, 100), requests(300, 30), SOUND, "good", ""),
    (requests(1000, 100), requests(300, 120), SOUND, "put-back", "before 10 % of 1,000"),
    (BEFORE, requests(300, slow=150), SOUND, "put-back", "slow: 95 % within 1.00 s (before 0.02"),
    (BEFORE, requests(300, slow=5), SOUND, "good", ""),
    (BEFORE, requests(300, slow=300, took=0.2), SOUND, "good", ""),  # 200 ms: nobody notices
    (NONE, requests(300, slow=300), SOUND, "good", ""),  # slow against what?
    (BEFORE, NONE, Health(alive=False), "put-back", "its unit has ended"),
    (BEFORE, NONE, Health(restarts=1), "degraded", "restarted once"),
    (BEFORE, NONE, Health(restarts=2), "put-back", "restarted 2 times"),
    (BEFORE, requests(300), LEAK, "put-back", "memory 3000 MiB (before 200 MiB), 3% of the"),
    (BEFORE, NONE, Health(memory=3000 * MB, memory_before=200 * MB, free=0.5), "good", ""),
    (BEFORE, NONE, Health(memory=210 * MB, memory_before=200 * MB, free=0.01), "good", ""),
]  # fmt: skip


@pytest.mark.requirement("R54")
@pytest.mark.parametrize(("before", "after", "health", "result", "reason"), TABLE)
def test_verdicts(
    before: Requests, after: Requests, health: Health, result: str, reason: str
) -> None:
    verdict = judge(before, after, health)

    assert verdict.result == result, verdict
    assert reason in "; ".join(verdict.reasons)
    assert bool(verdict.reasons) == (result != "good")


def test_chances_are_exact() -> None:
    # Twenty all good and then eight all bad: one way of 3,108,105.
    assert by_chance(8, 8, 0, 20) == pytest.approx(1 / 3108105)
    # All 22 of 28 bad, and 3 or 4 of the 4 new ones: (22C3 * 6 + 22C4) of 28C4.
    assert by_chance(3, 4, 19, 24) == pytest.approx((1540 * 6 + 7315) / 20475)
    assert by_chance(0, 10, 0, 30) == pytest.approx(1.0)
    assert by_chance(2, 2, 0, 0) == pytest.approx(1 / 400)  # one in PRIOR is taken for usual
    assert tail(2, 2, 0.1) == pytest.approx(0.01)
    assert tail(5, 0, 0.1) == pytest.approx(1.0)
    assert tail(3, 4, 0.1) == 0.0


def test_percentiles() -> None:
    assert percentile([], 0.95) == 0.0
    assert percentile([3.0], 0.95) == 3.0
    assert percentile(range(1, 101), 0.95) == 95


def test_false_alarms(record_property: Callable[[str, object], None]) -> None:
    """Watches of releases that are exactly as bad as the ones before them."""
    chance = random.Random(20261123)
    alarms = watches = 0
    for before in (20, 100, 300, 3000):
        for rate in (0.001, 0.01, 0.05, 0.2):
            for per_look in (1, 10):
                for _ in range(25):
                    watches += 1
                    alarms += alarmed(chance, before, rate, per_look)
    record_property(
        "figure", f"{alarms} false alarms in {watches} watches of 60 looks; bound {120 * CHANCE:g}"
    )
    assert alarms <= 4  # a chance of 1 in 250,000 if each watch may err with 120 * CHANCE


def alarmed(chance: random.Random, before: int, rate: float, per_look: int) -> bool:
    def failing(count: int) -> int:
        return sum(1 for _ in range(count) if chance.random() < rate)

    old = Requests(before, failing(before))
    count = errors = 0
    for _ in range(60):
        count, errors = count + per_look, errors + failing(per_look)
        if judge(old, Requests(count, errors), SOUND).result == "put-back":
            return True
    return False
