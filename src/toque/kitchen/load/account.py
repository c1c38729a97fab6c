"""Adding up verdicts."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from .client import Fault, Verdict

FAILURES_KEPT = 20


@dataclass(frozen=True)
class LoadResult:
    """How a load was answered.

    ``failed`` counts every request without a right answer; ``truncated`` and ``wrong_body`` are
    those of them that failed in this way.  ``statuses`` has 0 for no answer.  ``p50_ms`` and
    ``p99_ms`` count from when a request was due; ``longest_gap_ms`` is the longest time in which
    no right answer ended.  ``failures`` are the first twenty, as ``12.345 s GET /: 502 ...``.
    """

    requests: int
    failed: int
    truncated: int
    wrong_body: int
    stale_reconnects: int
    statuses: Mapping[int, int]
    p50_ms: float
    p99_ms: float
    longest_gap_ms: float
    seconds: float
    failures: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The same as a JSON object."""
        return {**asdict(self), "statuses": {str(k): v for k, v in sorted(self.statuses.items())}}


class Account:
    """What is known so far.  Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._begun = self._last_good = self._ended = 0.0
        self._gap_s = 0.0
        self._stale = 0
        self._ended_at: list[float] = []
        self._latencies_s: list[float] = []  # of the requests that ended then
        self._faults: Counter[Fault] = Counter()
        self._statuses: Counter[int] = Counter()
        self._failures: list[str] = []

    def begin(self, now: float) -> None:
        self._begun = self._last_good = self._ended = now

    def add(self, what: str, verdict: Verdict, *, due: float, now: float) -> None:
        """One request ended ``now``; it was due at ``due``."""
        with self._change:
            self._ended_at.append(now)
            self._latencies_s.append(now - due)
            self._ended = max(self._ended, now)
            self._statuses[verdict.status] += 1
            self._stale += verdict.stale
            if verdict.fault is None:
                self._gap_s = max(self._gap_s, now - self._last_good)
                self._last_good = max(self._last_good, now)
            else:
                self._faults[verdict.fault] += 1
                if len(self._failures) < FAILURES_KEPT:
                    after = now - self._begun
                    self._failures.append(
                        f"{after:.3f} s {what}: {verdict.fault.value}: {verdict.detail}"
                    )
            self._change.notify_all()

    def wait(self, requests: int, timeout_s: float) -> bool:
        """Wait until so many requests have ended; False when it takes longer."""
        with self._change:
            return self._change.wait_for(lambda: len(self._latencies_s) >= requests, timeout_s)

    def p99_ms(self, begin: float, end: float) -> float:
        """Of the requests that ended between two moments."""
        with self._change:
            both = zip(self._ended_at, self._latencies_s)
            return in_ms(percentile(sorted(late for at, late in both if begin <= at < end), 99))

    def result(self) -> LoadResult:
        with self._change:
            ordered = sorted(self._latencies_s)
            return LoadResult(
                requests=len(ordered),
                failed=sum(self._faults.values()),
                truncated=self._faults[Fault.TRUNCATED],
                wrong_body=self._faults[Fault.WRONG_BODY],
                stale_reconnects=self._stale,
                statuses=dict(self._statuses),
                p50_ms=in_ms(percentile(ordered, 50)),
                p99_ms=in_ms(percentile(ordered, 99)),
                # A silence that lasts until the end counts as well.
                longest_gap_ms=in_ms(max(self._gap_s, self._ended - self._last_good)),
                seconds=round(self._ended - self._begun, 3),
                failures=tuple(self._failures),
            )


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The smallest value that at least ``percent`` of ``ordered`` do not exceed; 0 for none."""
    if not ordered:
        return 0.0
    rank = -(-len(ordered) * percent // 100)  # rounded up: the nearest-rank definition
    return ordered[max(rank, 1) - 1]


def in_ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
