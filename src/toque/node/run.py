"""One run on this node: take the order, take the lock, walk in a child that outlives the wire."""

import json
import os
import signal
import time
from typing import Any, BinaryIO, Callable, Mapping

from . import blobs, journal
from .detach import Recorder, detached
from .engine import walk
from .masking import masker
from .model import Facts, Outcome, Plan, Report, Step
from .resources import TYPES
from .system import RealSystem
from .wire import digest, outcome_json, plan_from, report_json

Say = Callable[[Mapping[str, Any]], None]
USUAL = ("directory", "file", "link", "package", "service", "user")  # kinds in most plans


def serve(mode: str, machine: Facts, stdin: BinaryIO, say: Any, state: str) -> int:
    """Read an order and carry it out, writing its events to ``say``."""
    for kind in USUAL:  # while the plan is being made
        TYPES[kind]
    line = stdin.readline()
    if not line.endswith(b"\n"):  # the controller needed no more than the facts, or was cut off
        return 0
    order = json.loads(line)
    plan = plan_from(order["plan"])
    if digest(plan) != order["digest"]:
        say({"type": "refused", "code": "plan-altered", "found": digest(plan)})
        return 1
    if state == journal.STATE and os.geteuid() != 0:
        say({"type": "refused", "code": "not-root", "found": f"uid {os.geteuid()}"})
        return 1
    try:
        os.makedirs(state, mode=0o755, exist_ok=True)
        blobs.receive(order.get("blobs", ()), stdin, say, os.path.join(state, "blobs"))
        walker = Walker(plan, order, machine, state)
        if mode == "apply":
            return apply(order, walker, stdin, say)
    except OSError as error:  # full or read-only: nothing has been done yet
        say({"type": "refused", "code": "node-not-writable", "found": str(error)})
        return 1
    walker.check(say)
    return 0


def apply(order: Mapping[str, Any], walker: "Walker", stdin: BinaryIO, say: Any) -> int:
    """Take the node's lock and walk, or say who has it."""
    state, run = walker.state, order["run"]
    try:
        lock = journal.take_lock(state, {"by": order["by"], "run": run, "plan": walker.plan.name})
    except journal.Held as held:
        say({"type": "refused", "code": "node-busy", "holder": held.holder})
        return 1
    token = journal.next_token(state)
    directory = journal.run_directory(state, run)
    return detached(lambda tell: walker.apply(tell, token), directory, lock, stdin, say)


class Walker:
    """The walk of one order, with every secret masked in what it says."""

    def __init__(self, plan: Plan, order: Mapping[str, Any], machine: Facts, state: str) -> None:
        self.plan = plan
        self.order = order
        self.machine = machine
        self.state = state
        self.secrets: Mapping[str, str] = order.get("secrets", {})
        self.stop = False
        self.stopping: Callable[[], bool] = lambda: False
        self.pause: Callable[[], None] = lambda: None  # before anything that may take long

    def check(self, say: Say) -> None:
        """Say what applying would do; nothing is journalled, and nobody stops it."""
        owed = journal.DiskJournal(self.state).owed()
        self._walk("check", say, journal.MemoryJournal(owed), 0)

    def apply(self, say: Recorder, token: int) -> None:
        """Do it, until the end or until somebody asks it to stop after a step."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        self.pause, self.stopping = say.flush, self._stopping
        self._walk("apply", say, journal.DiskJournal(self.state), token)

    def _walk(
        self,
        mode: str,
        tell: Say,
        ledger: journal.Journal,
        token: int,
    ) -> None:
        mask = masker(self.secrets)

        def say(event: Mapping[str, Any]) -> None:
            tell(mask(event))

        started = time.monotonic()
        identity = self.order.get("digest", "")  # which ``serve`` has compared
        say(
            {
                "type": "start",
                "run": self.order["run"],
                "plan": self.plan.name,
                "digest": identity,
                "steps": len(self.plan.steps),
                "by": self.order["by"],
                "at": int(time.time()),
                "token": token,
            }
        )
        step_now = {"id": ""}

        def begin(step: Step) -> None:
            step_now["id"] = step.id
            say({"type": "step", "id": step.id})

        def progress(text: str) -> None:
            say({"type": "progress", "id": step_now["id"], "text": text})

        def emit(outcome: Outcome) -> None:
            say({"type": "outcome", "outcome": outcome_json(outcome)})

        outcomes = walk(
            self.plan,
            RealSystem(
                self.machine,
                blobs=os.path.join(self.state, "blobs"),
                progress=progress,
                pausing=self.pause,
            ),
            TYPES,
            journal=ledger,
            secrets=self.secrets,
            check=mode == "check",
            begin=begin,
            emit=emit,
            stopping=self.stopping,
        )
        report = Report(
            run=self.order["run"],
            plan=self.plan.name,
            digest=identity,
            mode=mode,
            outcomes=outcomes,
            owed=ledger.owed(),
            seconds=time.monotonic() - started,
            token=token,
        )
        say({"type": "report", "report": report_json(report)})

    def _stop(self, signum: int, frame: object) -> None:
        self.stop = True

    def _stopping(self) -> bool:
        """Asked by whoever started this run, or by somebody attached to it."""
        return self.stop or os.path.exists(journal.stop_path(self.state, self.order["run"]))
