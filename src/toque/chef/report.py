"""The list of what was not carried over, as a page and as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .accounting import Entry
from .carried import Carried


def as_markdown(carried: Carried) -> str:
    lines = [
        "# From Chef", "",
        f"{carried.said}; {carried.counts.partly} of them without a notification.",
        "What is listed here was not; nothing else was left out.", "",
        f"## Left for you: {len(carried.left)}", "",
    ]  # fmt: skip
    lines += _items(carried.left) or ["Nothing.", ""]
    lines += [f"## Carried over, and worth a look: {len(carried.notes)}", ""]
    lines += _items(carried.notes) or ["Nothing.", ""]
    return "\n".join(lines)


def _items(entries: Sequence[Entry]) -> list[str]:
    lines: list[str] = []
    for one in entries:
        lines.append(f"* `{one.place}`: {one.reason}")
        if one.text:
            longest = max((len(run) for run in one.text.split() if set(run) == {"`"}), default=0)
            fence = "`" * max(3, longest + 1)
            lines += [
                "",
                f"  {fence}ruby",
                *(f"  {x}".rstrip() for x in one.text.split("\n")),
                f"  {fence}",
                "",
            ]
    return [*lines, ""] if lines else []


def as_json(carried: Carried) -> dict[str, Any]:
    counts = carried.counts
    return {
        "cookbooks": list(carried.cookbooks),
        "files": sorted(carried.files),
        "resources": counts.all,
        "carried": carried.done,
        "without_notification": counts.partly,
        "share": None if carried.share is None else round(carried.share, 4),
        "left": [_entry(one) for one in carried.left],
        "notes": [_entry(one) for one in carried.notes],
    }


def _entry(one: Entry) -> dict[str, Any]:
    return {"file": one.file, "first": one.first, "last": one.last, "reason": one.reason,
            "text": one.text}  # fmt: skip
