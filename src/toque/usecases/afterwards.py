"""After a deploy: the watch that its node keeps on the new release, followed from here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Failed
from ..fleet.app import App
from . import converge as carry
from .place import Place

ASK_S = 2.0
SLACK_S = 60.0  # what the node may be behind: a run that holds it, a clock that differs
GOOD, DEGRADED, PUT_BACK = "good", "degraded", "put-back"


@dataclass(frozen=True)
class Watched:
    """How the watch of one release ended: ``verdict`` is empty when there was none to keep."""

    node: str
    release: str
    verdict: str = ""
    reasons: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"node": self.node, "release": self.release, "verdict": self.verdict,
                "reasons": list(self.reasons)}  # fmt: skip


def order_of(place: Place, app: App) -> dict[str, Any]:
    """The node's last watch of ``app``, as ``node/watch/order.py`` has it; empty without one."""
    order = carry.ask(place.transport, ["watched", app.name], "watched")["order"]
    return order if isinstance(order, dict) else {}


def history_of(place: Place, app: App) -> list[dict[str, Any]]:
    """The deploys of ``app`` that a node has on record, oldest first: ``node/deploys.py``."""
    found = carry.ask(place.transport, ["history", app.name], "history")["deploys"]
    return [entry for entry in found if isinstance(entry, dict)]


def follow(
    there: Sequence[tuple[Place, str]],
    app: App,
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Watched]:
    """Wait until the watch of each node's release has ended.

    Raises ``Failed``: ``put-back`` as soon as one serves the release before again, ``watch-lost``
    when a node has nothing to say of it long after its time.
    """
    ends = now() + app.watch_for + SLACK_S
    ended: dict[str, Watched] = {}
    while True:
        for place, release in there:
            if place.node.name not in ended:
                found = _look(place, app, release, late=now() > ends)
                if found is not None:
                    ended[place.node.name] = found
        if len(ended) == len(there):
            return [ended[place.node.name] for place, _ in there]
        sleep(ASK_S)


def _look(place: Place, app: App, release: str, *, late: bool) -> Watched | None:
    """How the watch ended; None while it goes on."""
    name = place.node.name
    order = order_of(place, app)
    if order.get("release") != release:  # nothing ran before it
        return Watched(name, release)
    verdict = str(order.get("verdict", ""))
    reasons = tuple(str(reason) for reason in order.get("reasons", ()))
    if verdict == PUT_BACK:
        raise Failed(
            "put-back",
            f"{app.name} on {name} went back to {order.get('previous')}",
            expected="a release that is no worse than the one before",
            found="; ".join(reasons),
            hint=f"toque errors {app.name}; toque logs {app.name}",
        )
    if late and not verdict:
        raise Failed(
            "watch-lost",
            f"{name} does not say how the watch of {app.name} ended",
            expected=f"a verdict after {app.watch_for} s",
            found="none: its watcher was ended, or the machine was",
            hint=f"toque releases {app.name}; on the node: systemctl status toque-watch-{app.name}",
        )
    return Watched(name, release, verdict, reasons) if verdict else None
