"""Whether a release that has just begun to serve has to go.  Pure: counts in, a verdict out.

Each rule compares a share of bad requests after the switch with the share before.  A release goes
when so many bad ones would be among the new requests with a probability below ``CHANCE`` if old and
new were alike: Fisher's exact test, one-sided.  It takes what was seen before for the sample that
it is: a binomial distribution around the share seen in 100 requests erred in 1 watch of 20.
One look each second for a minute, two rules: at most 2 * 60 * CHANCE, about one false alarm in 800
deploys, and far fewer, since looks are not independent.  That holds for requests that fail
independently of one another.  Where next to nothing is known from before, one in ``PRIOR`` is taken
for usual.  Above all that, the site must have got worse in a way that somebody notices.
"""

import math
from typing import Iterable, List, Sequence

from ..record import dataclass

GOOD, DEGRADED, PUT_BACK = "good", "degraded", "put-back"

CHANCE = 1e-5  # of one look, see above
PRIOR = 20  # requests; one bad one among them is taken for usual where fewer were seen
LEAST_BAD = 3  # one or two failures are a visitor's bad luck, or a scanner's
WORSE = 2.0  # times the share before
SLOW_FACTOR, SLOW_EXTRA_S = 3.0, 0.25  # what counts as slow, by the 95th percentile before
SLOW_SHARE = 0.2  # of the requests
FEW = 20  # requests before, too few to say how long they take
MOST_RESTARTS = 1  # one may have been the kernel's; two in a window are a loop
LEAST_FREE = 0.05  # of the machine's memory, below which the kernel soon ends somebody


@dataclass(frozen=True)
class Requests:
    """What a stretch of the access log says: ``errors`` are 5xx, ``seconds`` of those that were
    answered."""

    count: int = 0
    errors: int = 0
    seconds: Sequence[float] = ()

    def slower_than(self, limit: float) -> int:
        return sum(1 for one in self.seconds if one > limit)


@dataclass(frozen=True)
class Health:
    """``restarts`` by the init system since the switch; ``alive`` whether it runs or is tried.

    ``memory`` and ``memory_before`` are bytes of this release and of the one before it, ``free``
    the share of the machine's memory that is left; 1.0 where nobody can say.
    """

    alive: bool = True
    restarts: int = 0
    memory: int = 0
    memory_before: int = 0
    free: float = 1.0


@dataclass(frozen=True)
class Verdict:
    """``result`` is ``good``, ``degraded`` or ``put-back``; ``reasons`` are sentences."""

    result: str
    reasons: Sequence[str] = ()


def judge(before: Requests, after: Requests, health: Health) -> Verdict:
    """What is to be done now."""
    grave = [
        *_dead(health),
        *_failing(before, after, chance=CHANCE),
        *_slow(before, after),
        *_eating(health),
    ]
    if grave:
        return Verdict(PUT_BACK, tuple(grave))
    slight = [*_hiccups(before, after), *_restarted(health)]
    return Verdict(DEGRADED if slight else GOOD, tuple(slight))


def by_chance(bad: int, count: int, bad_before: int, count_before: int) -> float:
    """The probability of ``bad`` or more among ``count`` new ones, were old and new alike."""
    if count_before < PRIOR and not bad_before:
        return tail(count, bad, 1 / PRIOR)
    every, all_bad = count + count_before, bad + bad_before
    draws = _log_choose(every, count)
    return _summed(
        math.exp(_log_choose(all_bad, k) + _log_choose(every - all_bad, count - k) - draws)
        for k in range(max(bad, count - (every - all_bad)), min(all_bad, count) + 1)
    )


def tail(count: int, bad: int, share: float) -> float:
    """The probability of ``bad`` or more out of ``count`` when each is bad with ``share``."""
    log_share, log_rest = math.log(share), math.log1p(-share)
    return _summed(
        math.exp(_log_choose(count, k) + k * log_share + (count - k) * log_rest)
        for k in range(bad, count + 1)
    )


def _summed(terms: Iterable[float]) -> float:
    """Their sum, a probability; what no longer counts is not added."""
    total = last = 0.0
    for term in terms:
        total += term
        if term < last and term < total * 1e-12:
            break
        last = term
    return min(total, 1.0)


def _log_choose(n: int, k: int) -> float:
    """The logarithm of a binomial coefficient."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of them do not exceed; 0.0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _usual(bad: int, count: int) -> float:
    return (bad + 1) / (count + PRIOR)


def _failing(before: Requests, after: Requests, *, chance: float) -> List[str]:
    if after.errors < LEAST_BAD:
        return []
    usual = _usual(before.errors, before.count)
    if after.errors / after.count < WORSE * usual:
        return []
    if by_chance(after.errors, after.count, before.errors, before.count) > chance:
        return []
    return [f"5xx {_of(after.errors, after.count)} ({_before(before.errors, before.count)})"]


def _slow(before: Requests, after: Requests) -> List[str]:
    if len(before.seconds) < FEW or not after.seconds:
        return []
    usual = percentile(before.seconds, 0.95)
    limit = max(SLOW_FACTOR * usual, usual + SLOW_EXTRA_S)
    slow, count = after.slower_than(limit), len(after.seconds)
    was, known = before.slower_than(limit), len(before.seconds)
    if slow < max(LEAST_BAD, SLOW_SHARE * count) or slow / count < WORSE * _usual(was, known):
        return []
    if by_chance(slow, count, was, known) > CHANCE:
        return []
    now = percentile(after.seconds, 0.95)
    return [f"slow: 95 % within {now:.2f} s (before {usual:.2f} s)"]


def _dead(health: Health) -> List[str]:
    if not health.alive:
        return ["its unit has ended"]
    if health.restarts > MOST_RESTARTS:
        return [f"its unit was restarted {health.restarts} times"]
    return []


def _eating(health: Health) -> List[str]:
    if health.free >= LEAST_FREE or health.memory <= 1.5 * max(health.memory_before, 1):
        return []
    return [
        f"memory {_mib(health.memory)} (before {_mib(health.memory_before)}), "
        f"{health.free:.0%} of the machine's left"
    ]


def _hiccups(before: Requests, after: Requests) -> List[str]:
    """Failures that are no proof, and that somebody should look at."""
    if after.errors < LEAST_BAD:
        return []
    raw = before.errors / before.count if before.count else 0.0
    if after.errors / after.count < WORSE * raw:
        return []
    return [f"5xx {_of(after.errors, after.count)} ({_before(before.errors, before.count)})"]


def _restarted(health: Health) -> List[str]:
    return ["its unit was restarted once"] if health.restarts == MOST_RESTARTS else []


def _of(bad: int, count: int) -> str:
    share = 100 * bad / count
    text = f"{share:.0f}" if share >= 10 else f"{share:.2g}"
    return f"{text} % of {count:,}"


def _before(bad: int, count: int) -> str:
    return f"before {_of(bad, count)}" if count else "no visitors before"


def _mib(size: int) -> str:
    return f"{size >> 20} MiB"
