"""What a node answers: hostile until parsed, and refusals raised as the errors they mean."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from ..errors import Failed, Unreachable
from ..node.model import Report
from ..node.wire import facts_from, made_from, outcome_from, report_from
from ..ports import Channel

Event = Mapping[str, Any]
OURS = (
    "broken-off",
    "reattach",
    "rebooted",
    "warning",
)  # events that no node may put into our mouth


def events(channel: Channel) -> Iterator[Event]:
    """What a node says, one by one.  Raises ``Unreachable("node-speaks-wrongly")``."""
    for line in channel.lines():
        try:
            event = _JSON.decode(line.decode())
        except (ValueError, RecursionError) as error:
            raise Unreachable(
                "node-speaks-wrongly", "the node answered with something that is not JSON"
            ) from error
        if not isinstance(event, dict):
            raise Unreachable("node-speaks-wrongly", "the node answered with a bare value")
        _well_formed(event)
        if event.get("type") not in (*OURS, "beat"):
            yield event


def raise_refused(event: Event) -> None:
    """Raise what a ``refused`` event means; other events pass."""
    if event.get("type") != "refused":
        return
    code, found = event.get("code"), str(event.get("found", ""))
    if code == "node-busy":
        holder = event.get("holder") or {}
        since = time.strftime("%H:%M:%S", time.localtime(int(holder.get("since", 0))))
        raise Failed(
            "node-busy",
            "another run holds this node",
            expected="no other run",
            found=f"{holder.get('plan', 'a run')} by {holder.get('by', 'someone')} since {since}",
            hint="wait for it to end, or look with: toque runs TARGET",
        )
    if code == "plan-moved":
        raise Failed(
            "plan-moved",
            "the node is not as it was when the plan was made; nothing was changed",
            expected="what the plan has seen",
            found=f"{len(event['moved'])} steps that differ",
            hint="make a new plan and look at it: toque plan TARGET --out FILE",
            log=[
                f"{one['step']} ({one['place']}): was {one['was']}, is {one['is']}"
                for one in event["moved"]
            ],
        )
    if code == "no-last-converge":
        raise Failed(
            "no-last-converge",
            "the node remembers no converge of these recipes",
            expected="an earlier toque converge or setup of the same event and recipes",
            found=found,
            hint="converge first, or compare with the cookbooks: toque plan TARGET",
        )
    if code == "secrets-gone":
        raise Failed(
            "secrets-gone",
            "the last converge needed secrets that the project no longer has",
            found=found,
            hint="converge again: toque converge TARGET",
        )
    if code == "plan-altered":
        raise Failed(
            "plan-altered",
            "the plan that arrived is not the one sent",
            found=found,
            hint="run the same command again",
        )
    if code == "not-root":
        raise Unreachable(
            "not-root",
            "the node program does not run as root",
            expected="root, or sudo = true for this node in toque.toml",
            found=found,
            hint="sudo = true in [nodes.NAME], or root@HOST as its address",
        )
    if code == "run-unknown":
        raise Failed(
            "run-unknown", "the node does not know this run", found=found, hint="toque runs TARGET"
        )
    if code == "run-broken-off":
        raise Failed(
            "run-broken-off",
            "the run ended without a report (killed, or the machine went down)",
            hint="run the same command again: what was owed is still owed",
        )
    if code == "node-not-writable":
        raise Unreachable(
            "node-not-writable",
            "the node could not store what this run needs; nothing was changed",
            expected="a writable /var/lib/toque with some MiB free",
            found=found,
            hint="df -h /var/lib; findmnt -T /var/lib",
        )
    raise Unreachable("node-speaks-wrongly", f"the node refused: {code} {found}")


def report_in(event: Event, run: str, ordered: str = "") -> Report:
    """The report, if it is of what was ordered: whose it is is never for the node to say.

    ``ordered`` is the digest of the plan, where we know it.
    """
    with _parsing("report"):
        report = report_from(event["report"])
    if report.run != run or (ordered and report.digest != ordered):
        raise Unreachable(
            "node-speaks-wrongly",
            "the node reports on something else than it was asked to do",
            expected=f"run {run}" + (f" of plan {ordered[:16]}" if ordered else ""),
            found=f"run {report.run[:100]} of plan {report.digest[:16]}",
        )
    return report


def _no_number(text: str) -> NoReturn:
    """NaN and Infinity, which no JSON has: we would print them in ours."""
    raise ValueError(f"{text} is no JSON")


_JSON = json.JSONDecoder(parse_constant=_no_number)  # json.loads would make one for each event


@contextmanager
def _parsing(kind: object) -> Iterator[None]:
    """What a node says is hostile until parsed: a wrong shape is the node's fault, not our bug."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OSError, ArithmeticError) as error:
        raise Unreachable(
            "node-speaks-wrongly",
            f"the node sent a wrong {kind!r}",
            found=f"{type(error).__name__}: {error}"[:500],
        ) from error


def _well_formed(event: Event) -> None:
    """Parse what is only passed on here, so that it can be relied on everywhere."""
    kind = event.get("type")
    with _parsing(kind):
        if kind == "outcome":
            outcome_from(event["outcome"])
        elif kind in ("facts", "releases"):
            facts_from(event["facts"])
            _releases(event)
        elif kind == "need-blobs":
            _texts(event["blobs"])
        elif kind in ("step", "progress"):
            _texts([event["id"], event.get("text", "")])
        elif kind == "runs":
            _runs(event)
        elif kind == "refused":
            if event.get("holder") is not None:
                time.localtime(int(event["holder"].get("since", 0)))
            for one in event.get("moved", ()):
                _texts([one["step"], one["place"], one["was"], one["is"]])


def _releases(event: Event) -> None:
    for entry in event.get("releases", ()):
        _texts([entry["id"], entry["commit"], entry.get("deployed_at") or ""])
        if type(entry.get("turn", 0)) is not int:
            raise TypeError("a turn that is no number")


def _runs(event: Event) -> None:
    for entry in event["runs"]:
        _texts([entry["run"], entry["ended"]])
        made_from(entry)
    dict(event["holder"] or {})


def _texts(values: Iterable[object]) -> None:
    for value in values:
        if not isinstance(value, str):
            raise TypeError(f"a {type(value).__name__} where a text belongs")
