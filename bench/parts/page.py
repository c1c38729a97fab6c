"""The table, and docs/bench.md with its plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

HEAD = f"{'workload':<9} {'who':<12} {'wall s':>8} {'x floor':>8} {'sessions':>9} " \
    f"{'node CPU s':>11} {'client CPU s':>13}"


def table(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Lines for a terminal."""
    yield HEAD
    for workload, values in found.items():
        floor = values["floor_s"]
        for name, row in values["rows"].items():
            yield (
                f"{workload:<9} {name:<12} {row['wall_s']:>8.3f} {row['wall_s'] / floor:>8.2f} "
                f"{row['sessions']:>9} {row['node_cpu_s']:>11.3f} {row['client_cpu_s']:>13.3f}"
            )


def write(found: Mapping[str, Mapping[str, Any]], rounds: int) -> None:
    raise NotImplementedError
