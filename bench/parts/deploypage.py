"""The table of deploys, and docs/bench-deploy.md with its plot."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .deploybars import ROLLBACK_S, TIMES_FLOOR

DOCS = Path(__file__).parent.parent.parent / "docs"
METHOD = Path(__file__).with_name("deploypage.md.in")
COLUMNS = (
    "server", "requests", "failed", "truncated", "p99 before ms", "p99 during ms",
    "push to served s", "floor s", "x floor", "rollback s",
)  # fmt: skip
NAMES = {"peer": "link and HUP (gunicorn)"}
WIDTH = 420.0


def rows(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for server, row in found.items():
        if server == "missed":
            continue
        own = "floor_s" in row
        yield (
            NAMES.get(server, server),
            f"{row['requests']:,}",
            f"{row['failed']:,}",
            f"{row['truncated']:,}",
            f"{row['p99_ms_before']:.0f}",
            f"{row['p99_ms_during']:.0f}",
            f"{row['push_to_served_s']:.2f}",
            f"{row['floor_s']:.2f}" if own else "",
            f"{row['push_to_served_s'] / row['floor_s']:.2f}" if own else "",
            f"{row['rollback_s']:.2f}" if own else "",
        )


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """Lines for a terminal."""
    lines = [COLUMNS, *rows(found)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    for line in lines:
        yield "  ".join(word.rjust(width) for word, width in zip(line, widths))


def write(found: Mapping[str, Any], deploys: int) -> None:
    """docs/bench-deploy.md and docs/images/bench-deploy.svg."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|" + "--:|" * (len(COLUMNS) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows(found)]
    own = [row for name, row in found.items() if name not in ("peer", "missed")]
    text = METHOD.read_text(encoding="utf-8").format(
        plot="![From a push to its first answer, by app server](images/bench-deploy.svg)",
        table="\n".join(lines),
        requests=f"{sum(row['requests'] for row in own):,}",
        failed=sum(row["failed"] for row in own),
        truncated=sum(row["truncated"] for row in own),
        times=f"{TIMES_FLOOR:g}",
        worst=f"{max(row['push_to_served_s'] / row['floor_s'] for row in own):.2f}",
        rollback=f"{ROLLBACK_S:g}",
        slowest=f"{max(row['rollback_s'] for row in own):.2f}",
        deploys=deploys,
        host=f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}",
        when=time.strftime("%Y-%m-%d", time.gmtime()),
    )
    (DOCS / "bench-deploy.md").write_text(text, encoding="utf-8")
    (DOCS / "images" / "bench-deploy.svg").write_text(plot(found), encoding="utf-8")


def plot(found: Mapping[str, Any]) -> str:
    """Horizontal bars, the floor above each.  Pure."""
    servers = {name: row for name, row in found.items() if name != "missed"}
    most = max(row["push_to_served_s"] for row in servers.values())
    parts, y = [], 10
    for server, row in servers.items():
        for label, key, fill in (
            ("floor", "floor_s", "#9aa5b1"),
            (server, "push_to_served_s", "#c8894b" if server == "peer" else "#2f6f4f"),
            ("rollback", "rollback_s", "#7fb069"),
        ):
            if key not in row:
                continue
            width = WIDTH * row[key] / most
            parts.append(f'<text x="130" y="{y + 13}" text-anchor="end">{label}</text>')
            parts.append(f'<rect x="140" y="{y}" width="{width:.0f}" height="17" fill="{fill}"/>')
            parts.append(f'<text x="{146 + width:.0f}" y="{y + 13}">{row[key]:.2f} s</text>')
            y += 20
        y += 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {y + 4}" '
        'font-family="sans-serif" font-size="12" fill="#1f2933">\n'
        '<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )
