"""One run on this node: take the order, take the lock, walk in a child that outlives the wire."""

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any, BinaryIO, Callable, Mapping, Optional, Tuple

from . import agent, blobs, deploys, journal, lastplan
from .detach import Recorder, detached
from .engine import walk
from .facts import boot
from .masking import masker
from .model import Facts, Outcome, Plan, Report, Status, Step
from .realsystem import RealSystem
from .resources import TYPES, types_of
from .seal import node_key, sealer
from .wire import (
    digest,
    facts_from,
    identity,
    made_from,
    marked,
    outcome_from,
    outcome_json,
    plan_from,
    report_json,
)

if TYPE_CHECKING:
    from .added import Additions
    from .caller import Caller

Say = Callable[[Mapping[str, Any]], None]
# The kinds in most plans, and in those of deploys.
USUAL = ("directory", "file", "group", "link", "package", "service", "user")
DEPLOY = ("checkout", "venv", "file", "unit", "inspection", "intact", "instance", "current")


def serve(mode: str, told: Mapping[str, Any], stdin: BinaryIO, say: Any, state: str) -> int:
    """Read an order and carry it out, writing its events to ``say``.

    ``told`` is what the plan is being made from meanwhile: see ``greeting.py``.
    """
    for kind in DEPLOY if "releases" in told else USUAL:
        TYPES[kind]
    line = stdin.readline()
    if not line.endswith(b"\n"):  # the controller needed no more than the facts, or was cut off
        return 0
    order = json.loads(line)
    try:
        plan, identity = ordered(order, state)
        if state == journal.STATE and os.geteuid() != 0:
            raise Refused("not-root", found=f"uid {os.geteuid()}")
        os.makedirs(state, mode=0o755, exist_ok=True)
        blobs.receive(order.get("blobs", ()), stdin, say, os.path.join(state, "blobs"))
        walker = Walker(plan, identity, order, facts_from(told["facts"]), state)
        if mode == "apply":
            return apply(walker, stdin, say)
        walker.check(say)
    except Refused as refused:
        say({"type": "refused", "code": refused.code, **refused.more})
        return 1
    except OSError as error:  # full or read-only: nothing has been done yet
        say({"type": "refused", "code": "node-not-writable", "found": str(error)})
        return 1
    return 0


class Refused(Exception):
    """An order that is not begun; the controller explains the code."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.more = more


def ordered(order: Mapping[str, Any], state: str) -> Tuple[Plan, str]:
    """The plan that an order brings, or the last one of the name that it asks for ``again``.

    Beside it the digest of the whole plan: of one that is run again only the standing steps are.
    """
    if "again" not in order:
        found = identity(order["plan"])
        if found != order["digest"]:
            raise Refused("plan-altered", found=found)
        return plan_from(order["plan"]), found
    last = lastplan.recall(state, order["again"])
    if last is None:
        raise Refused("no-last-converge", found=order["again"])
    named = {name for step in last.steps for name in marked(step.fields, "$secret")}
    missing = sorted(named - set(order["secrets"]))
    if missing:
        raise Refused("secrets-gone", found=", ".join(missing))
    return lastplan.standing(last, order["secrets"]), digest(last)


def apply(walker: "Walker", stdin: BinaryIO, say: Any) -> int:
    """Take the node's lock and walk, or say who has it."""
    state, order = walker.state, walker.order
    run = order["run"]
    try:
        lock = journal.take_lock(state, {"by": order["by"], "run": run, "plan": walker.plan.name})
    except journal.Held as held:
        raise Refused("node-busy", holder=held.holder) from None
    if "agreed" in order:
        walker.compare()
    if order.get("remember"):
        lastplan.remember(state, walker.plan, walker.identity)
    token = journal.next_token(state)
    directory = journal.run_directory(state, run)
    return detached(lambda tell: walker.apply(tell, token), directory, lock, stdin, say)


class Walker:
    """The walk of one order, with every secret masked in what it says."""

    def __init__(
        self, plan: Plan, identity: str, order: Mapping[str, Any], machine: Facts, state: str
    ) -> None:
        self.plan = plan
        self.identity = identity
        self.order = order
        self.machine = machine
        self.state = state
        self.secrets: Mapping[str, str] = order.get("secrets", {})
        self.stop = False
        self.left = len(plan.steps)  # after so many it is as if somebody had asked to stop
        self.stopping: Callable[[], bool] = lambda: False
        self.pause: Callable[[], None] = lambda: None  # before anything that may take long
        self.caller: Optional[Caller] = None
        if any(step.kind == "firewall" for step in plan.steps):
            from .caller import caller

            self.caller = caller()  # while the processes above this one are there

    def compare(self) -> None:
        """Raise ``Refused`` when the node is not as the plan that was agreed on saw it."""
        from .agreement import MOST_TOLD, moved

        agreed = [outcome_from(outcome) for outcome in self.order["agreed"]]
        now = self._walked(self._memory(), check=True)
        found = list(moved(agreed, now))[:MOST_TOLD]
        if found:
            raise Refused("plan-moved", moved=masker(self.secrets)(found))

    def check(self, say: Say) -> None:
        """Say what applying would do; nothing is journalled, and nobody stops it."""
        self._told("check", say, self._memory(), 0)

    def apply(self, say: Recorder, token: int) -> None:
        """Do it, until the end or until somebody asks it to stop after a step."""
        self.left = self.order.get("steps", len(self.plan.steps))
        signal.signal(signal.SIGTERM, self._stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        self.pause, self.stopping = say.flush, self._stopping
        if self.state == journal.STATE:
            agent.install()
        self._told("apply", say, journal.DiskJournal(self.state), token)

    def _memory(self) -> journal.Journal:
        return journal.MemoryJournal(journal.DiskJournal(self.state).owed())

    def _told(self, mode: str, tell: Say, ledger: journal.Journal, token: int) -> None:
        """Walk, and say as it goes what happens, without any secret."""
        mask = masker(self.secrets)

        def say(event: Mapping[str, Any]) -> None:
            tell(mask(event))

        started = time.monotonic()
        definitions = made_from(self.order)
        say(
            {
                "type": "start",
                "run": self.order["run"],
                "plan": self.plan.name,
                "digest": self.identity,
                "steps": len(self.plan.steps),
                "by": self.order["by"],
                "at": int(time.time()),
                "token": token,
                "made_from": definitions,
            }
        )
        outcomes = self._walked(ledger, check=mode == "check", say=say)
        report = Report(
            run=self.order["run"],
            plan=self.plan.name,
            digest=self.identity,
            mode=mode,
            outcomes=outcomes,
            owed=ledger.owed(),
            seconds=time.monotonic() - started,
            token=token,
            made_from=definitions,
        )
        if mode == "apply" and self.state == journal.STATE:
            deploys.record(RealSystem(self.machine), report, self.order["by"])
        rebooting = mode == "apply" and self._reboots(report)
        if rebooting:
            say({"type": "rebooting", "boot": boot()})
        say({"type": "report", "report": report_json(report)})  # on disk before the machine goes
        if rebooting:
            RealSystem(self.machine).run(["systemctl", "reboot"])

    def _reboots(self, report: Report) -> bool:
        """Whether a step has asked for a reboot and nothing stands against it."""
        if report.failed or report.count(Status.NOT_RUN):
            return False
        if not any(step.kind == "reboot" for step in self.plan.steps):
            return False
        from .resources.reboot import ASKED

        return os.path.exists(ASKED)

    def _walked(
        self, ledger: journal.Journal, *, check: bool, say: Say = lambda event: None
    ) -> Tuple[Outcome, ...]:
        step_now = self.plan.steps[0] if self.plan.steps else None

        def begin(step: Step) -> None:
            nonlocal step_now
            step_now = step
            say({"type": "step", "id": step.id})

        def progress(text: str) -> None:
            if step_now is not None and not step_now.sensitive:
                say({"type": "progress", "id": step_now.id, "text": text})

        def emit(outcome: Outcome) -> None:
            say({"type": "outcome", "outcome": outcome_json(outcome)})
            self.left -= 1

        def calling() -> bool:
            from .calling import called

            say({"type": "call", "id": step_now.id if step_now else ""})
            self.pause()
            return called(self.state, self.order["run"])

        system = RealSystem(
            self.machine,
            blobs=os.path.join(self.state, "blobs"),
            progress=progress,
            pausing=self.pause,
            patient=not check,
            caller=self.caller,
            calling=calling,
        )
        return walk(
            self.plan,
            system,
            types_of(self.plan),
            journal=ledger,
            secrets=self.secrets,
            check=check,
            seal=sealer(node_key(self.state)) if check else None,
            agreed=self._agreed(),
            additions=None if check else self._additions(system),
            begin=begin,
            emit=emit,
            stopping=self.stopping,
        )

    def _additions(self, system: RealSystem) -> "Optional[Additions]":
        """Keeps what this run adds; only of a machine of our own, not of a test's state."""
        if self.state != journal.STATE:
            return None
        from .added import Additions

        return Additions(system)

    def _agreed(self) -> Optional[Mapping[str, Outcome]]:
        if "agreed" not in self.order:
            return None
        return {one["step"]: outcome_from(one) for one in self.order["agreed"]}

    def _stop(self, signum: int, frame: object) -> None:
        self.stop = True

    def _stopping(self) -> bool:
        """Asked by whoever started this run, in the order or since, or by somebody attached."""
        return (
            self.stop
            or self.left <= 0
            or os.path.exists(journal.stop_path(self.state, self.order["run"]))
        )
