"""What the kitchen has to reach; missing one makes the benchmark fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Seconds at most, by driver.
BARS: Mapping[str, Mapping[str, float]] = {
    "nspawn": {"create_s": 1.2, "inner_loop_s": 2.0, "test_s": 12.0, "machines_8_s": 6.0},
    "qemu": {"create_s": 8.0},
}


def missed(found: Mapping[str, Any]) -> list[str]:
    """A sentence for each bar that the results miss."""
    return list(_missed(found))


def _missed(found: Mapping[str, Any]) -> Iterator[str]:
    for driver, bars in BARS.items():
        for name, most in bars.items():
            seconds = found.get(driver, {}).get(name, 0.0)
            if seconds > most:
                yield f"{name} on {driver} is {seconds}, at most {most:g} wanted"
