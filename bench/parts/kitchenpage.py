"""docs/bench-kitchen.md: what the kitchen takes, by driver, and the peers."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent.parent / "docs"
METHOD = Path(__file__).with_name("kitchenpage.md.in")
NAMES = {
    "image_s": "image", "create_s": "create", "ssh_true_s": "ssh true",
    "converge_cold_s": "cold converge", "converge_cached_s": "converge",
    "inner_converge_s": "inner loop, converge alone", "inner_loop_s": "inner loop",
    "test_s": "test", "machines_8_s": "eight",
}  # fmt: skip


def rows(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row for each measurement, a column for each driver and peer."""
    columns = {name: row for name, row in found.items() if name != "missed"}
    for row in list(columns.values()):
        columns |= row.get("peers", {})
    yield ("seconds", *columns)
    for key, name in NAMES.items():
        if any(key in row for row in columns.values()):
            yield (name, *(f"{row[key]:.2f}" if key in row else "" for row in columns.values()))


def write(found: Mapping[str, Any], rounds: int) -> None:
    head, *body = rows(found)
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in body]
    missed = "".join(f"* Missed here: {text}.\n" for text in found["missed"])
    text = METHOD.read_text(encoding="utf-8").format(
        table="\n".join(lines),
        missed=missed or "All of them were reached.\n",
        rounds=rounds,
        host=f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}",
        day=time.strftime("%Y-%m-%d"),
    )
    (DOCS / "bench-kitchen.md").write_text(text, encoding="utf-8")
