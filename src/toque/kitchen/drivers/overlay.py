"""Mounting a machine's file tree over its image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..process import tool


def mount(place: Path, lower: Sequence[Path], upper: Path, work: Path) -> None:
    """Mount an overlay, topmost lower layer first; nothing happens when it is mounted."""
    if mounted(place):
        return
    for folder in (place, upper, work):
        folder.mkdir(parents=True, exist_ok=True)
    layers = ":".join(str(path) for path in lower)
    options = f"lowerdir={layers},upperdir={upper},workdir={work}"
    tool(["mount", "-t", "overlay", "-o", options, f"toque-{place.parent.name}", str(place)])


def mounted(place: Path) -> bool:
    return str(place) in _mount_points()


def unmount(place: Path) -> None:
    """Unmount what is at the place and below it, deepest first."""
    inside = [p for p in _mount_points() if p == str(place) or p.startswith(f"{place}/")]
    for point in sorted(inside, reverse=True):
        tool(["umount", point], check=False)
        if point in _mount_points():
            tool(["umount", "--lazy", point])


def _mount_points() -> list[str]:
    return [
        re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), line.split(" ")[4])
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
    ]
