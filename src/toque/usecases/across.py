"""What it means to go back to a release when the database has gone on since.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Failed
from ..fleet.app import App
from ..node.verdicts import FINAL, REFUSED, SAFE, TWO_STEPS, UNKNOWN, Judged, judged_from, worst

MEANING = {
    SAFE: "its code works with it",
    TWO_STEPS: "its code may break on it",
    FINAL: "what is lost stays lost",
    UNKNOWN: "whether its code works with it is not known",
}


@dataclass(frozen=True)
class Across:
    """``migrations`` are what the database of ``node`` has gained since ``release``, oldest
    first; None when that is not on record there."""

    app: str
    node: str
    release: str
    migrations: tuple[Judged, ...] | None

    @property
    def verdict(self) -> str:
        """The worst of them; a reviewed one counts as safe, somebody has answered for it."""
        if self.migrations is None:
            return UNKNOWN
        return worst(one.verdict for one in self.migrations if one.reviewed is None)

    @property
    def lines(self) -> list[str]:
        """What to tell before going back; nothing when nothing lies between."""
        if self.migrations is None:
            return [f"{self.node}: which migrations were run since {self.release} is not on record"]
        if not self.migrations:
            return []
        count = f"{len(self.migrations)} migration{'s' if len(self.migrations) > 1 else ''}"
        lines = [f"{self.node}: {count} in between; the database stays as it is"]
        for one in self.migrations:
            said = f"reviewed: {one.reviewed}" if one.reviewed is not None else MEANING[one.verdict]
            lines.append(f"  {one.name}: {said}")
            if one.verdict != SAFE:
                lines += [f"    it {reason.what}" for reason in one.reasons]
        return lines


def across_of(app: App, node: str, entry: Mapping[str, Any]) -> Across:
    """What lies between a kept release and now, as the node tells of it."""
    since = entry.get("since")
    known = isinstance(since, list)
    judged = tuple(judged_from(one) for one in since or () if isinstance(one, dict))
    return Across(app.name, node, str(entry["id"]), judged if known else None)


def refuse(across: Across) -> None:
    """Raise ``Failed("rollback-across-migration")`` unless its code is known to work."""
    if across.migrations is None or across.verdict == SAFE:
        return
    certain = across.verdict in REFUSED
    raise Failed(
        "rollback-across-migration",
        f"{across.node}: the code of {across.release} "
        f"{'may break on' if certain else 'is not known to work with'} the database of now",
        expected="migrations since then that its code is known to work with",
        found=next(one.name for one in across.migrations if one.verdict == across.verdict),
        hint=f"look at them, then insist: toque rollback {across.app} --across-migrations",
        log=across.lines,
    )
