"""The table, and docs/bench.md with its plot."""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .bars import AHEAD_OF_PEERS, FLOORS, PLAN_1000_S, RUNTIME_START_CPU_S

DOCS = Path(__file__).parent.parent.parent / "docs"
METHOD = Path(__file__).with_name("page.md.in")  # docs/bench.md with gaps
COLUMNS = (
    "workload", "who", "wall s", "x floor", "runs", "SSH sessions", "node CPU s", "client CPU s",
)  # fmt: skip
WORK = {
    "W1": "1,000 files that are right already",
    "W2": "100 mixed resources that are right already: 15 packages, 5 users and groups, "
    "20 directories, 50 files, 5 services, 5 links",
    "W3": "the first converge of a bare machine to a web node: nginx, uWSGI, git, PostgreSQL, "
    "users, directories, settings; the packages are downloaded already",
    "W4": "W2 on 8 machines at once",
    "W5": "W2 with one nginx site file wrong: put right, nginx reloaded",
}
NAMES = {
    "ssh true": "a bare `ssh HOST true`",
    "floor": "the floor",
    "toque": "**`toque converge`**, the whole program",
    "use case": "the converge inside it",
    "cfengine": "cf-agent",
    "ansible": "ansible-core",
}
PLOTTED = ("floor", "toque", "cfengine", "bundlewrap", "pyinfra", "ansible")
COLOURS = {"floor": "#9aa5b1", "toque": "#2f6f4f"}
LEAST_S, MOST_S, WIDTH = 0.1, 200.0, 420  # the plot's logarithmic scale, and its pixels


def rows(found: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for workload, values in found.items():
        floor = values["floor_s"]
        for name, row in values["rows"].items():
            mark = "> " if row.get("capped") else ""
            yield (
                workload,
                name,
                f"{mark}{row['wall_s']:.{3 if row['wall_s'] < 10 else 1}f}",
                f"{mark}{row['wall_s'] / floor:.{2 if row['wall_s'] < 10 * floor else 0}f}",
                str(row["rounds"]),
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


def bars(found: Mapping[str, Any]) -> Iterator[str]:
    """What was wanted and what was reached, as list items."""
    for workload, most in FLOORS.items():
        if workload in found:
            yield f"* {workload}: at most {most} times the floor; {found[workload]['times_floor']}."
    if "W2" in found and found["W2"]["peers"]:
        fastest = min(peer["wall_s"] for peer in found["W2"]["peers"].values())
        times = fastest / found["W2"]["toque_s"]
        yield f"* W2: at least {AHEAD_OF_PEERS:g} times faster than the fastest peer; {times:.1f}."
    if "plan_1000_s" in found:
        reached = found["plan_1000_s"]
        yield (
            f"* Planning 1,000 files that are all to be made, on a machine, and printing every "
            f"line of them: under {PLAN_1000_S:g} s; {reached:.2f} s."
        )
    if "runtime_start_cpu_s" in found:
        reached = found["runtime_start_cpu_s"]
        yield (
            f"* Starting the runtime on a node until it waits for an order: under "
            f"{1000 * RUNTIME_START_CPU_S:.0f} ms of CPU; {1000 * reached:.0f} ms."
        )


def write(found: Mapping[str, Any], rounds: int, cap_s: float) -> None:
    """docs/bench.md and docs/images/bench.svg."""
    workloads = {name: found[name] for name in WORK if name in found}
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|---|" + "--:|" * (len(COLUMNS) - 2)]
    for workload, name, *numbers in rows(workloads):
        lines.append("| " + " | ".join([workload, NAMES.get(name, name), *numbers]) + " |")
    text = METHOD.read_text(encoding="utf-8").format(
        plot="![Wall time of each, by workload](images/bench.svg)",
        table="\n".join(lines),
        bars="\n".join(bars(found)),
        work="\n".join(f"* **{name}**: {WORK[name]}." for name in workloads),
        rounds=rounds,
        cap_s=f"{cap_s:g}",
        host=f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}",
        when=time.strftime("%Y-%m-%d", time.gmtime()),
    )
    (DOCS / "bench.md").write_text(text, encoding="utf-8")
    (DOCS / "images").mkdir(exist_ok=True)
    (DOCS / "images" / "bench.svg").write_text(plot(workloads), encoding="utf-8")


def plot(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Horizontal bars on a logarithmic scale, one group per workload.  Pure."""
    parts, y = [], 30
    for workload, values in found.items():
        y += 14
        parts.append(f'<text x="10" y="{y + 13}" font-weight="bold">{workload}</text>')
        for name in PLOTTED:
            if name not in values["rows"]:
                continue
            row = values["rows"][name]
            width, fill = at(row["wall_s"]), COLOURS.get(name, "#c8894b")
            shown = f"{'&gt; ' if row.get('capped') else ''}{row['wall_s']:.3g} s"
            parts.append(f'<text x="130" y="{y + 13}" text-anchor="end">{name}</text>')
            parts.append(f'<rect x="140" y="{y}" width="{width:.0f}" height="17" fill="{fill}"/>')
            parts.append(f'<text x="{146 + width:.0f}" y="{y + 13}">{shown}</text>')
            y += 22
    for seconds in (0.1, 1, 10, 100):
        x = 140 + at(seconds)
        parts.insert(0, f'<path d="M{x:.0f} 26V{y}" stroke="#e4e7eb"/>')
        parts.append(f'<text x="{x:.0f}" y="18" text-anchor="middle">{seconds:g} s</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {y + 14}" '
        'font-family="sans-serif" font-size="12" fill="#1f2933">\n'
        '<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def at(seconds: float) -> float:
    """Where on the plot's scale."""
    share = math.log(max(seconds, LEAST_S) / LEAST_S) / math.log(MOST_S / LEAST_S)
    return WIDTH * min(1.0, share)
