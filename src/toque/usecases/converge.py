"""Carry a plan to a node and bring its report back, all in one session.

The node tells its facts first, the plan is made from them, and the order follows on the same
connection.  An apply goes on without us: when the connection breaks we attach again and read the
rest, and only when that fails too is the result "lost", which is not "failed".
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets as randomness
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from ..errors import Failed, ToqueError, Unreachable
from ..node.model import Facts, Outcome, Plan, Report, Status
from ..node.values import Blob
from ..node.wire import facts_from, finding_json, identity, outcome_json, plan_json
from ..ports import Channel, Transport
from .answers import Event, events, raise_refused, report_in
from .clock import watch_clock
from .connecting import Connecting
from .reboot import back

Watch = Callable[[Event], None]
# A reboot of the network, not of the node.  ssh notices a dead connection within 20 s and gives up
# making one after 10 s: within a minute it is told that nothing is known of the node.
REATTACH_WAITS_S = (0.2, 2.0, 6.0)
LOST = ("connection-lost", "no-answer", "node-silent")  # after these the node may still be at it
HOSTILE = ("node-speaks-wrongly", "node-output-too-long")  # such a node is not asked again


@dataclass(frozen=True)
class Parcel:
    """A plan and what travels beside it: texts of secrets by name, files of blobs.

    ``agreed`` are the outcomes of the check that somebody has agreed to: a node that is not as
    they say refuses the plan.  With ``remember`` the node keeps the plan, to tell drift from it;
    with ``again`` it takes the one that it has kept under the plan's name instead of this one.
    ``made_from`` says of which cookbooks and lock the plan was made (``definitions.py``).
    Of ``steps`` from the first on no more are made, if there is a number.
    """

    plan: Plan
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    blobs: Mapping[str, tuple[Blob, Path]] = field(default_factory=dict)
    agreed: Sequence[Outcome] | None = None
    remember: bool = False
    again: bool = False
    made_from: Mapping[str, str] = field(default_factory=dict)
    steps: int | None = None

    @cached_property
    def travelling(self) -> tuple[Mapping[str, Any], str]:
        """The plan as it travels, and its digest: made once, while a connection is waited for."""
        data = plan_json(self.plan)
        return data, identity(data)


class Stop:
    """Lets a signal handler ask the running converges to end after their current steps."""

    def __init__(self) -> None:
        self._channels: list[Channel] = []
        self.asked = False

    def attach(self, channel: Channel) -> None:
        self._channels.append(channel)
        if self.asked:
            _send_stop(channel)

    def detach(self, channel: Channel) -> None:
        if channel in self._channels:
            self._channels.remove(channel)

    def ask(self) -> None:
        self.asked = True
        for channel in tuple(self._channels):
            _send_stop(channel)


def _send_stop(channel: Channel) -> None:
    channel.send(b'{"type": "stop"}')


def new_run() -> str:
    """A run id that sorts by time, to the millisecond: ``20261122T184411.052-3f9c2a``."""
    now = time.time_ns() // 1_000_000
    at = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now // 1000))
    return f"{at}.{now % 1000:03d}-{randomness.token_hex(3)}"


def gather_facts(transport: Transport) -> Facts:
    """What the node is, asked for itself.  Raises ``Unreachable``."""
    return facts_from(ask(transport, ["facts"], "facts")["facts"])


def ask(transport: Transport, argv: list[str], wanted: str) -> Event:
    """One question to the node program: the first event of type ``wanted``."""
    with transport.open(argv) as channel:
        for event in events(channel):
            if event.get("type") == wanted:
                return event
            raise_refused(event)
        raise Unreachable(
            "no-answer",
            f"{transport.name} ended without an answer to {argv[0]}",
            hint="toque runs TARGET tells what the node did; then run the same command again",
            log=channel.stderr_tail,
        )


class Session:
    """One connection to a node: it says what it is, is given an order, and reports.

    ``mode`` is ``apply``, or ``check`` for the same walk that changes nothing; with ``app`` the
    node also tells that app's releases.  Entering begins to connect and does not wait; what went
    wrong is raised (``Unreachable``) by whatever needs the node first.  Leaving without an order
    changes nothing.
    """

    def __init__(self, transport: Transport, mode: str = "apply", *, app: str = "") -> None:
        self._transport = transport
        self._argv = [mode, *([app] if app else [])]

    def __enter__(self) -> Self:
        self._connecting = Connecting(self._transport, self._argv)
        return self

    def __exit__(self, *why: object) -> None:
        self._connecting.leave()

    @property
    def facts(self) -> Facts:
        """What the node is, as it was told on this connection.  Raises ``Unreachable``."""
        return facts_from(self._told["facts"])

    @property
    def releases(self) -> list[Mapping[str, Any]]:
        """The releases of the session's app that the node keeps, newest deployment first."""
        return [entry for entry in self._told.get("releases", ()) if isinstance(entry, dict)]

    @property
    def scale(self) -> Mapping[str, int]:
        """How many processes of the session's app somebody asked for there, by name."""
        told = self._told.get("scale")
        pairs = told.items() if isinstance(told, dict) else ()
        return {str(k): v for k, v in pairs if type(v) is int and 0 <= v <= 512}

    def carry_out(
        self, parcel: Parcel, *, by: str, watch: Watch, stop: Stop | None = None
    ) -> Report:
        """Give the order and wait for its report, which may hold a failed step: ``succeeded``.

        ``watch`` gets the report of a run that did not come to its end as a last event.
        Raises ``Unreachable`` (``run-lost`` when the node may still be at it), ``Failed`` when the
        node refused the run (``node-busy``, ``plan-altered``).
        """
        watch({"type": "facts", "facts": self._told["facts"]})
        run, stop = new_run(), stop or Stop()
        kinds = frozenset(step.kind for step in parcel.plan.steps)
        seen = _Seen(watch, self._transport, run, kinds)
        try:
            report = self._converse(parcel, run, by, seen, stop)
        except Unreachable as error:
            if error.code not in LOST or self._argv[0] == "check":
                raise
            self._channel.terminate()
            if seen.boot:
                self._wait(seen)
                return _ended(_attach(self._transport, run, seen, stop), watch)
            report = _attached(self._transport, run, seen, error, stop)
        if seen.boot:  # the node has to be there to go on with
            self._wait(seen)
        return _ended(report, watch)

    def _wait(self, seen: _Seen) -> None:
        back(lambda: ask(self._transport, ["facts"], "facts"), seen.boot, seen.watch)

    @property
    def _channel(self) -> Channel:
        return self._connecting.channel

    @cached_property
    def _incoming(self) -> Iterator[Event]:
        return events(self._channel)

    @cached_property
    def _told(self) -> Event:
        for event in self._incoming:
            if event.get("type") == "facts":
                return event
            raise_refused(event)
        raise self._silent("without telling its facts")

    def _converse(self, parcel: Parcel, run: str, by: str, watch: _Seen, stop: Stop) -> Report:
        order = _order(parcel, run, by)
        self._channel.send(json.dumps(order).encode())
        offered = dict(parcel.blobs)
        try:
            for event in self._incoming:
                kind = event.get("type")
                if kind == "need-blobs":
                    _send_blobs(self._channel, offered, event)
                elif kind == "report":
                    return report_in(event, run, order.get("digest", ""))
                elif kind != "facts":
                    raise_refused(event)
                    if kind == "start":  # a word before it would land among the blobs
                        stop.attach(self._channel)
                        watch_clock(event, watch.watch)
                    watch(event)
        finally:
            stop.detach(self._channel)
        raise self._silent("the run without a report")

    def _silent(self, how: str) -> Unreachable:
        log = self._channel.stderr_tail
        return Unreachable(
            "no-answer",
            f"{self._transport.name} ended {how}",
            hint="toque runs TARGET tells what the node did; then run the same command again",
            log=log,
        )


def _ended(report: Report, watch: Watch) -> Report:
    if report.failed is not None or report.count(Status.NOT_RUN):
        watch({"type": "broken-off", "report": report})
    return report


def check(transport: Transport, parcel: Parcel, *, by: str, watch: Watch) -> Report:
    """What ``converge`` would do, by the same walk, changing nothing."""
    with Session(transport, "check") as session:
        return session.carry_out(parcel, by=by, watch=watch)


def converge(
    transport: Transport, parcel: Parcel, *, by: str, watch: Watch, stop: Stop | None = None
) -> Report:
    """Apply a plan that needs no facts, in a session of its own; see ``Session.carry_out``."""
    with Session(transport) as session:
        return session.carry_out(parcel, by=by, watch=watch, stop=stop)


def succeeded(report: Report, node: str) -> Report:
    """The report itself, or ``Failed`` saying which step failed and why."""
    failed = report.failed
    if failed is not None:
        trouble = dict(failed.trouble or {})
        error = Failed(
            "step-failed",
            f"{node}: {trouble.get('message', 'failed')}",
            expected=str(trouble.get("expected", "")),
            found=str(trouble.get("found", "")),
            hint=str(trouble.get("hint", "")),
            place=f"{failed.place} {failed.step}".strip(),
            log=[str(line) for line in trouble.get("log", ())],
            findings=[finding_json(finding) for finding in report.findings],
        )
        code = str(trouble.get("code", ""))  # a word, or the node made it up
        plain = re.fullmatch(r"[a-z][a-z0-9-]{1,60}", code)
        raise StepError(error, failed.step, code if plain else "step-failed")
    if report.count(Status.NOT_RUN):
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
            findings=old.findings,
        )
        self.step = step


def _order(parcel: Parcel, run: str, by: str) -> dict[str, Any]:
    """What the node is told to do, as one JSON value."""
    order: dict[str, Any] = {
        "run": run,
        "by": by,
        "secrets": dict(parcel.secrets),
        "blobs": [{"sha256": b.sha256, "size": b.size} for b, _ in parcel.blobs.values()],
    }
    if parcel.again:
        order["again"] = parcel.plan.name
    else:
        order["plan"], order["digest"] = parcel.travelling
    if parcel.agreed is not None:
        order["agreed"] = [{**outcome_json(outcome), "diff": []} for outcome in parcel.agreed]
    if parcel.remember:
        order["remember"] = True
    if parcel.steps is not None:
        order["steps"] = parcel.steps
    if parcel.made_from:
        order["made_from"] = dict(parcel.made_from)
    return order


def _send_blobs(channel: Channel, offered: dict[str, tuple[Blob, Path]], event: Event) -> None:
    """Send what is asked for; ``offered`` is what may still be asked for."""
    for sha256 in event["blobs"]:
        # A node asks for what it was offered, and once: what waits to be sent is in our memory.
        if sha256 not in offered:
            raise Unreachable("node-speaks-wrongly", f"the node asked for bytes {sha256!r}")
        channel.send_bytes(offered.pop(sha256)[1].read_bytes())


class _Seen:
    """Counts the run's own events, so that those told again after an attach are not shown twice."""

    def __init__(
        self, watch: Watch, transport: Transport, run: str, kinds: Set[str] = frozenset()
    ) -> None:
        """``kinds`` are those of the plan: only for them the node may ask something of us."""
        self.watch = watch
        self.transport = transport
        self.run = run
        self.kinds = kinds
        self.count = 0
        self.boot = ""  # of the node, when it said that it is about to reboot
        self._called = False

    def __call__(self, event: Event) -> None:
        self.count += 1
        self.watch(event)
        kind = event.get("type")
        if kind == "rebooting" and "reboot" in self.kinds:
            self.boot = str(event.get("boot", ""))
        elif kind == "call" and "firewall" in self.kinds and not self._called:
            self._called = True  # a plan has one such step; a node that asks on is not heard
            _call(self.transport, self.run)


def _attached(transport: Transport, run: str, seen: _Seen, lost: Unreachable, stop: Stop) -> Report:
    """The rest of a run whose connection broke, by new ones.

    Raises ``Unreachable``: ``connection-lost`` when the node never knew the run, else ``run-lost``.
    """
    unknown = False  # to the node, by its last answer
    for wait_s in REATTACH_WAITS_S:
        seen.watch({"type": "reattach", "run": run, "wait_s": wait_s})
        time.sleep(wait_s)
        try:
            return _attach(transport, run, seen, stop)
        except Unreachable as error:
            if error.code in HOSTILE:
                raise
            lost, unknown = error, False
            if error.code == "node-silent":  # it was waited for twice
                break
        except Failed as error:
            if error.code != "run-unknown" or seen.count:
                raise
            unknown = True  # the order may still be on its way into the node's hands
    if unknown:
        raise Unreachable(
            "connection-lost",
            f"the connection to {transport.name} broke before the node took the order",
            expected="a connection until the run's report",
            found="the node does not know the run; nothing was changed",
            hint="run the same command again",
        ) from lost
    raise Unreachable(
        "run-lost",
        f"the connection to {transport.name} was lost while run {run} went on there",
        expected="the report of the run",
        found=str(lost),
        hint="the node finishes by itself; ask it later with: toque runs TARGET",
    ) from lost


def attach(transport: Transport, run: str, *, watch: Watch, stop: Stop | None = None) -> Report:
    """A run told from its beginning, followed to its end when it still goes on.

    Raises ``Failed``: ``run-unknown``, ``run-broken-off``; ``Unreachable``.
    """
    return _attach(transport, run, _Seen(watch, transport, run), stop or Stop())


def _attach(transport: Transport, run: str, seen: _Seen, stop: Stop) -> Report:
    known = seen.count
    with transport.open(["attach", run]) as channel:
        try:
            stop.attach(channel)
            for number, event in enumerate(events(channel)):
                if event.get("type") == "report":
                    return report_in(event, run)
                raise_refused(event)
                if number >= known:
                    seen(event)
        finally:
            stop.detach(channel)
    raise Unreachable(
        "connection-lost",
        f"the connection to {transport.name} was lost again",
        hint=f"toque runs show {run}",
    )


def _call(transport: Transport, run: str) -> None:
    """A run asks whether we still get there by a new connection: silence is an answer too."""
    with contextlib.suppress(ToqueError):
        ask(transport, ["call", run], "called")
