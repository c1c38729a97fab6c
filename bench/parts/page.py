"""The table, and docs/bench.md with its plot."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent.parent / "docs"
COLUMNS = ("workload", "who", "wall s", "x floor", "SSH sessions", "node CPU s", "client CPU s")
WORK = {
    "W1": "1,000 files that are right already",
    "W2": "100 mixed resources that are right already: 15 packages, 5 users and groups, "
    "20 directories, 50 files, 5 services, 5 links",
    "W5": "W2 with one nginx site file wrong: put right, nginx reloaded",
}
NAMES = {
    "ssh true": "a bare `ssh HOST true`",
    "floor": "the floor",
    "toque": "`toque converge`, the whole program",
    "use case": "the converge inside it",
}

METHOD = Path(__file__).with_name("page.md.in")  # docs/bench.md with gaps


def rows(found: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for workload, values in found.items():
        floor = values["floor_s"]
        for name, row in values["rows"].items():
            yield (
                workload,
                name,
                f"{row['wall_s']:.3f}",
                f"{row['wall_s'] / floor:.2f}",
                str(row["sessions"]),
                f"{row['node_cpu_s']:.3f}",
                f"{row['client_cpu_s']:.3f}",
            )


def table(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Lines for a terminal."""
    lines = [COLUMNS, *rows(found)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    for line in lines:
        left = [line[0].ljust(widths[0]), line[1].ljust(widths[1])]
        yield "  ".join(left + [line[i].rjust(widths[i]) for i in range(2, len(COLUMNS))])


def write(found: Mapping[str, Mapping[str, Any]], rounds: int) -> None:
    """docs/bench.md and docs/images/bench.svg."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|---|" + "--:|" * (len(COLUMNS) - 2)]
    for workload, name, *numbers in rows(found):
        lines.append("| " + " | ".join([workload, NAMES.get(name, name), *numbers]) + " |")
    text = METHOD.read_text(encoding="utf-8").format(
        plot="![Wall time of each, by workload](images/bench.svg)",
        table="\n".join(lines),
        work="\n".join(f"* **{w}**: {WORK[w]}." for w in found),
        rounds=rounds,
        host=f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}",
        when=time.strftime("%Y-%m-%d", time.gmtime()),
    )
    (DOCS / "bench.md").write_text(text, encoding="utf-8")
    (DOCS / "images").mkdir(exist_ok=True)
    (DOCS / "images" / "bench.svg").write_text(plot(found), encoding="utf-8")


def plot(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Horizontal bars, one group per workload.  Pure."""
    bars = [
        (workload, name, row["wall_s"])
        for workload, values in found.items()
        for name, row in values["rows"].items()
    ]
    longest = max(seconds for _, _, seconds in bars)
    colours = {"floor": "#9aa5b1", "ssh true": "#cbd2d9", "toque": "#2f6f4f", "use case": "#5aa37c"}
    parts, y, before = [], 20, ""
    for workload, name, seconds in bars:
        y += 14 if workload != before else 0
        if workload != before:
            parts.append(f'<text x="10" y="{y + 13}" font-weight="bold">{workload}</text>')
        before = workload
        width = max(2.0, 420 * seconds / longest)
        fill = colours.get(name, "#c8894b")
        parts.append(f'<text x="130" y="{y + 13}" text-anchor="end">{name}</text>')
        parts.append(f'<rect x="140" y="{y}" width="{width:.0f}" height="17" fill="{fill}"/>')
        parts.append(f'<text x="{146 + width:.0f}" y="{y + 13}">{seconds:.2f} s</text>')
        y += 22
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {y + 14}" '
        'font-family="sans-serif" font-size="12" fill="#1f2933">\n'
        '<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )
