"""What has to be reached; missing one makes the benchmark fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

FLOORS = {"W1": 1.5, "W2": 1.4, "W3": 1.1, "W4": 1.5, "W5": 1.6}  # most times the floor
PLAN_1000_S = 1.0
RUNTIME_START_CPU_S = 0.08
AHEAD_OF_PEERS = 4.0  # on W2: times faster than the fastest


def missed(found: Mapping[str, Any]) -> list[str]:
    """A sentence for each bar that the results miss."""
    return list(_missed(found))


def _missed(found: Mapping[str, Any]) -> Iterator[str]:
    for workload, most in FLOORS.items():
        if workload in found and found[workload]["toque_s"] > most * found[workload]["floor_s"]:
            times = found[workload]["times_floor"]
            yield f"{workload} takes {times} times the floor, at most {most} wanted"
    agent = found.get("W1", {}).get("peers", {}).get("cfengine")
    if agent and found["W1"]["toque_s"] >= agent["wall_s"]:
        yield "W1 is not faster than cfengine"
    if "W2" in found and found["W2"]["peers"]:
        fastest = min(peer["wall_s"] for peer in found["W2"]["peers"].values())
        times = fastest / found["W2"]["toque_s"]
        if times < AHEAD_OF_PEERS:
            yield f"W2 is {times:.1f} times faster than the fastest peer, {AHEAD_OF_PEERS} wanted"
    for name, most in (
        ("plan_1000_s", PLAN_1000_S),
        ("runtime_start_cpu_s", RUNTIME_START_CPU_S),
    ):
        if name in found and found[name] >= most:
            yield f"{name} is {found[name]}, below {most} wanted"
