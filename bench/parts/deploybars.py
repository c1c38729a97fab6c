"""What deploys have to reach; missing one makes the benchmark fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

REQUESTS = 200_000  # in all, of a whole run
TIMES_FLOOR = 1.5
ROLLBACK_S = 2.0


def missed(found: Mapping[str, Any], *, whole: bool) -> list[str]:
    """A sentence for each bar that the results miss.  The peer has none."""
    return list(_missed({k: v for k, v in found.items() if k not in ("peer", "missed")}, whole))


def _missed(found: Mapping[str, Any], whole: bool) -> Iterator[str]:
    for server, row in found.items():
        for name in ("failed", "truncated"):
            if row[name]:
                yield f"{server}: {row[name]} of {row['requests']} requests {name}"
        times = row["push_to_served_s"] / row["floor_s"]
        if times > TIMES_FLOOR:
            yield f"{server}: a push takes {times:.2f} times the floor, {TIMES_FLOOR} wanted"
        if row["rollback_s"] >= ROLLBACK_S:
            took = f"{row['rollback_s']:.2f} s"
            yield f"{server}: a rollback takes {took}, under {ROLLBACK_S:g} wanted"
    requests = sum(row["requests"] for row in found.values())
    if whole and requests < REQUESTS:
        yield f"{requests} requests in all, {REQUESTS} wanted"
