"""Carry a plan to a node and bring its report back.

An apply goes on without us: when the connection breaks we attach again and read the rest, and only
when that fails too is the result "lost", which is not "failed".
"""

from __future__ import annotations

import json
import secrets as randomness
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import Failed, ToqueError, Unreachable
from ..node.model import Facts, Plan, Report
from ..node.values import Blob
from ..node.wire import digest, facts_from, plan_json, report_from
from ..ports import Channel, Transport

Event = Mapping[str, Any]
Watch = Callable[[Event], None]
REATTACH_WAITS_S = (0.2, 1.0, 3.0, 8.0)  # a reboot of the network, not of the node


@dataclass(frozen=True)
class Parcel:
    """A plan and what travels beside it: texts of secrets by name, files of blobs."""

    plan: Plan
    secrets: Mapping[str, str] = field(default_factory=dict)
    blobs: Mapping[str, tuple[Blob, Path]] = field(default_factory=dict)


class Stop:
    """Lets a signal handler ask the running converge to end after its current step."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self.asked = False

    def attach(self, channel: Channel | None) -> None:
        self._channel = channel

    def ask(self) -> None:
        self.asked = True
        if self._channel is not None:
            self._channel.send(b'{"type": "stop"}')


def new_run() -> str:
    """A run id that sorts by time: ``20261122T184411-3f9c2a``."""
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + "-" + randomness.token_hex(3)


def gather_facts(transport: Transport) -> Facts:
    """What the node is.  Raises ``Unreachable``."""
    with transport.open(["facts"]) as channel:
        for event in _events(channel):
            if event.get("type") == "facts":
                return facts_from(event["facts"])
            _refused(event)
    raise Unreachable("no-answer", f"{transport.name} ended without telling its facts")


def ask(transport: Transport, argv: list[str], wanted: str) -> Event:
    """One question to the node program: the first event of type ``wanted``."""
    with transport.open(argv) as channel:
        for event in _events(channel):
            if event.get("type") == wanted:
                return event
            _refused(event)
        raise Unreachable(
            "no-answer",
            f"{transport.name} ended without an answer to {argv[0]}",
            log=channel.stderr_tail,
        )


def check(transport: Transport, parcel: Parcel, *, by: str, watch: Watch) -> Report:
    """What ``converge`` would do, by the same walk, changing nothing."""
    return _run(transport, "check", parcel, new_run(), by, watch, Stop())


def converge(
    transport: Transport, parcel: Parcel, *, by: str, watch: Watch, stop: Stop | None = None
) -> Report:
    """Apply a plan.  The report may hold a failed step; see ``succeeded``.

    Raises ``Unreachable`` (``run-lost`` when the node may still be at it), ``Failed`` when the node
    refused the run (``node-busy``, ``plan-altered``).
    """
    run = new_run()
    seen = 0

    def counted(event: Event) -> None:
        nonlocal seen
        seen += 1
        watch(event)

    try:
        return _run(transport, "apply", parcel, run, by, counted, stop or Stop())
    except Unreachable as error:
        if seen == 0:
            raise
        lost = error
    for wait_s in REATTACH_WAITS_S:
        watch({"type": "reattach", "run": run, "wait_s": wait_s})
        time.sleep(wait_s)
        try:
            return _attach(transport, run, seen, counted)
        except Unreachable as error:
            lost = error
    raise Unreachable(
        "run-lost",
        f"the connection to {transport.name} was lost while run {run} went on there",
        expected="the report of the run",
        found=str(lost),
        hint="the node finishes by itself; ask it later with: toque runs TARGET",
    ) from lost


def succeeded(report: Report, node: str) -> Report:
    """The report itself, or ``Failed`` saying which step failed and why."""
    failed = report.failed
    if failed is not None:
        trouble = dict(failed.trouble or {})
        error = Failed(
            "step-failed",
            f"{node}: {failed.step}: {trouble.get('message', 'failed')}",
            expected=str(trouble.get("expected", "")),
            found=str(trouble.get("found", "")),
            hint=str(trouble.get("hint", "")),
            place=failed.place,
            log=[str(line) for line in trouble.get("log", ())],
        )
        raise StepError(error, failed.step, str(trouble.get("code", "step-failed")))
    if any(o.status.value == "not-run" for o in report.outcomes):
        raise Failed(
            "run-stopped",
            f"{node}: the run was stopped between two steps",
            hint="run the same command again: it goes on where this one ended",
        )
    return report


class StepError(Failed):
    """``Failed`` with the code that the step itself gave."""

    def __init__(self, error: Failed, step: str, code: str) -> None:
        old = error.trouble
        ToqueError.__init__(  # the code is the node's own, documented like ours
            self,
            code,
            old.message,
            expected=old.expected,
            found=old.found,
            hint=old.hint,
            place=old.place,
            log=old.log,
        )
        self.step = step


def _run(
    transport: Transport,
    mode: str,
    parcel: Parcel,
    run: str,
    by: str,
    watch: Watch,
    stop: Stop,
) -> Report:
    order = {
        "run": run,
        "by": by,
        "plan": plan_json(parcel.plan),
        "digest": digest(parcel.plan),
        "secrets": dict(parcel.secrets),
        "blobs": [
            {"sha256": blob.sha256, "size": blob.size} for blob, _ in parcel.blobs.values()
        ],
    }
    with transport.open([mode]) as channel:
        stop.attach(channel)
        channel.send(json.dumps(order).encode())
        try:
            for event in _events(channel):
                kind = event.get("type")
                if kind == "need-blobs":
                    _send_blobs(channel, parcel, event)
                elif kind == "report":
                    return report_from(event["report"])
                else:
                    _refused(event)
                    watch(event)
        finally:
            stop.attach(None)
        raise Unreachable(
            "no-answer",
            f"{transport.name} ended the run without a report",
            log=channel.stderr_tail,
        )


def _send_blobs(channel: Channel, parcel: Parcel, event: Event) -> None:
    for sha256 in event["blobs"]:
        if sha256 not in parcel.blobs:  # a node asks only for what it was offered
            raise Unreachable("node-speaks-wrongly", f"the node asked for bytes {sha256!r}")
        channel.send_bytes(parcel.blobs[sha256][1].read_bytes())


def _attach(transport: Transport, run: str, seen: int, watch: Watch) -> Report:
    with transport.open(["attach", run]) as channel:
        for number, event in enumerate(_events(channel)):
            if event.get("type") == "report":
                return report_from(event["report"])
            _refused(event)
            if number >= seen:
                watch(event)
    raise Unreachable("connection-lost", f"the connection to {transport.name} was lost again")


def _events(channel: Channel) -> Iterator[Event]:
    for line in channel.lines():
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Unreachable(
                "node-speaks-wrongly", "the node answered with something that is not JSON"
            ) from error
        if not isinstance(event, dict):
            raise Unreachable("node-speaks-wrongly", "the node answered with a bare value")
        yield event


def _refused(event: Event) -> None:
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
    if code == "plan-altered":
        raise Failed("plan-altered", "the plan that arrived is not the one sent", found=found)
    if code == "not-root":
        raise Unreachable(
            "not-root",
            "the node program does not run as root",
            expected="root, or sudo = true for this node in toque.toml",
            found=found,
        )
    if code == "run-unknown":
        raise Failed("run-unknown", "the node does not know this run", found=found)
    if code == "run-broken-off":
        raise Failed(
            "run-broken-off",
            "the run ended without a report (killed, or the machine went down)",
            hint="run the same command again: what was owed is still owed",
        )
    raise Unreachable("node-speaks-wrongly", f"the node refused: {code} {found}")
