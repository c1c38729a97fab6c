"""Which kept release each node goes back to, so that all serve the same afterwards.  Pure.

An entry is what ``toque-node releases`` tells of one release.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import Failed
from ..fleet.app import App
from .afterwards import PUT_BACK

Entry = Mapping[str, Any]
LAST = (sys.maxsize, "~")  # after every switch


def choices(kept: Mapping[str, Sequence[Entry]], app: App, to: str = "") -> dict[str, Entry]:
    """The entry for each node, by its name; the current one where a node has gone back already.

    A watcher goes back alone (``node/watch``).  Then the others follow it: the release that it
    went back from is not where anybody stays or goes.
    Raises ``Failed``: ``nothing-to-roll-back``, ``release-unknown``, ``nodes-differ``.
    """
    gone = set() if to else refused(kept)
    now = {node: serving(entries) for node, entries in kept.items()}
    left = any(one is not None and one["id"] in gone for one in now.values())
    found = {}
    for node, entries in kept.items():
        here = now[node]
        if left and here is not None and here["id"] not in gone:
            found[node] = here
            continue
        good = [entry for entry in entries if entry.get("current") or entry["id"] not in gone]
        found[node] = _named(node, good, app, to, several=len(kept) > 1)
    if len({str(entry["commit"]) for entry in found.values()}) > 1:
        raise Failed(
            "nodes-differ",
            f"the nodes of {app.name} would go back to different commits",
            expected="one commit for all: --to COMMIT",
            found=", ".join(f"{n}: {str(e['commit'])[:12]}" for n, e in found.items()),
            hint=f"toque releases {app.name}",
        )
    return found


def _named(node: str, entries: Sequence[Entry], app: App, to: str, *, several: bool) -> Entry:
    try:
        return chosen(entries, app, to)
    except Failed as error:
        if several:
            error.trouble = replace(error.trouble, message=f"{node}: {error.trouble.message}")
        raise


def differing(told: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """Apps whose nodes do not serve the same: the nodes by release, from what ``toque status`` has.

    Releases of one commit may differ by what is set for a node.  They count as the same, unless a
    node has gone back to its own by itself.
    """
    apps: dict[str, dict[str, list[str]]] = {}
    back = set()
    for one in told:
        for app in one.get("apps", ()):
            if release := str(app.get("release") or ""):
                apps.setdefault(str(app["app"]), {}).setdefault(release, []).append(one["node"])
                if str(app.get("watch") or "").startswith("put back"):
                    back.add(str(app["app"]))
    return {
        app: releases
        for app, releases in apps.items()
        if len(releases if app in back else {one.partition("-")[0] for one in releases}) > 1
    }


def refused(kept: Mapping[str, Sequence[Entry]]) -> set[str]:
    """The releases that the watcher of any node has gone back from."""
    return {
        str(entry["id"])
        for entries in kept.values()
        for entry in entries
        if entry.get("verdict") == PUT_BACK and not entry.get("current")
    }


def serving(entries: Sequence[Entry]) -> Entry | None:
    return next((entry for entry in entries if entry.get("current")), None)


def chosen(kept: Sequence[Entry], app: App, to: str) -> Entry:
    """The entry that one node goes back to: the one before the current one, or that of ``to``.

    Raises ``Failed``: ``nothing-to-roll-back``, ``release-unknown``.
    """
    if to:
        fits = [r for r in kept if str(r["id"]).startswith(to) or str(r["commit"]).startswith(to)]
        if len(fits) == 1:
            return fits[0]
        raise Failed(
            "release-unknown",
            f"{app.name} has {'several releases' if fits else 'no kept release'} {to}",
            expected="one of " + ", ".join(str(r["id"]) for r in kept) if kept else "a release",
            found=to,
            hint=f"toque releases {app.name}",
        )
    # A cut between the switch and its record leaves a current release without a time.
    now = next((_when(r) for r in kept if r.get("current") and r.get("deployed_at")), LAST)
    before = [
        r
        for r in kept
        if not r.get("current")
        and r.get("deployed_at")
        and _when(r) <= now
        and not r.get("left")  # else a second rollback would undo the first
        and r.get("verdict") != PUT_BACK
    ]
    if not before:
        raise Failed(
            "nothing-to-roll-back",
            f"there is no release of {app.name} before the current one",
            expected="a kept release that served before",
            found=f"{len(kept)} kept in all",
            hint=f"toque releases {app.name}",
        )
    return max(before, key=_when)


def _when(entry: Entry) -> tuple[int, str]:
    """Its turn to serve; the time besides, as clocks go wrong and are set."""
    return int(entry.get("turn", 0)), str(entry["deployed_at"])
