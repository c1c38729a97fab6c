"""One run on this node: take the order, take the lock, walk in a child that outlives the wire."""

import hashlib
import json
import os
import select
import signal
import time
from io import BufferedReader
from typing import Any, BinaryIO, Callable, Mapping, Optional, Set

from . import facts, journal
from .engine import walk
from .model import Outcome, Plan, Report, Step
from .resources import TYPES
from .system import RealSystem
from .wire import digest, outcome_json, plan_from, report_json

Say = Callable[[Mapping[str, Any]], None]


def serve(mode: str, stdin: BinaryIO, say: Any) -> int:
    """Read an order and carry it out, writing its events to ``say``."""
    order = json.loads(stdin.readline())
    plan = plan_from(order["plan"])
    if digest(plan) != order["digest"]:
        say({"type": "refused", "code": "plan-altered", "found": digest(plan)})
        return 1
    if os.geteuid() != 0:
        say({"type": "refused", "code": "not-root", "found": f"uid {os.geteuid()}"})
        return 1
    os.makedirs(journal.STATE, mode=0o755, exist_ok=True)
    receive_blobs(order.get("blobs", ()), stdin, say)
    if mode == "check":
        Walker(plan, order, say, check=True)()
        return 0
    try:
        lock = journal.take_lock(
            journal.STATE, {"by": order["by"], "run": order["run"], "plan": plan.name}
        )
    except journal.Held as held:
        say({"type": "refused", "code": "node-busy", "holder": held.holder})
        return 1
    return detached(plan, order, lock, stdin, say)


def receive_blobs(wanted: Any, stdin: BinaryIO, say: Say, directory: str = "") -> None:
    """Ask for the bytes this node does not have, and keep them under their hash."""
    directory = directory or os.path.join(journal.STATE, "blobs")
    os.makedirs(directory, mode=0o700, exist_ok=True)
    missing = [
        blob for blob in wanted if not os.path.exists(os.path.join(directory, blob["sha256"]))
    ]
    if not wanted:
        return
    say({"type": "need-blobs", "blobs": [blob["sha256"] for blob in missing]})
    for blob in missing:
        path = os.path.join(directory, blob["sha256"])
        staged, left, seen = f"{path}.{os.getpid()}", int(blob["size"]), hashlib.sha256()
        with open(staged, "wb") as file:
            while left:
                part = stdin.read(min(left, 1 << 20))
                if not part:
                    os.unlink(staged)
                    raise EOFError("the connection ended inside a blob")
                seen.update(part)
                file.write(part)
                left -= len(part)
            file.flush()
            os.fsync(file.fileno())
        if seen.hexdigest() != blob["sha256"]:
            os.unlink(staged)
            raise ValueError(f"bytes of {blob['sha256'][:12]} arrived altered")
        os.rename(staged, path)


def detached(
    plan: Plan, order: Mapping[str, Any], lock: int, stdin: BinaryIO, say: Any
) -> int:
    """Fork the walk into a session of its own; copy its events until it ends."""
    token = journal.next_token(journal.STATE)
    directory = journal.run_directory(journal.STATE, order["run"])
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 70
        try:
            os.close(reader)
            os.setsid()
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            _redirect(directory)
            with open(os.path.join(directory, "events.jsonl"), "ab") as disk:
                tell = Recorder(disk, writer)
                Walker(plan, order, tell, check=False, token=token)()
                tell.sync()
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    os.close(lock)
    if b'"stop"' in _read_ahead(stdin):
        os.kill(child, signal.SIGTERM)
    _copy(reader, child, say)
    return 0


def _read_ahead(stdin: BinaryIO) -> bytes:
    """What came behind the order and is in our buffer already, where ``select`` cannot see it."""
    os.set_blocking(0, False)
    try:
        return stdin.peek(1) if isinstance(stdin, BufferedReader) else b""
    finally:
        os.set_blocking(0, True)


def _redirect(directory: str) -> None:
    """Take the child's standard streams away from the connection."""
    null = os.open(os.devnull, os.O_RDONLY)
    errors = os.open(
        os.path.join(directory, "stderr"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
    )
    os.dup2(null, 0)
    os.dup2(errors, 1)
    os.dup2(errors, 2)


def _copy(reader: int, child: int, say: Any) -> None:
    """Events from the child to the wire; a ``stop`` line from the wire to the child."""
    watched = [reader, 0]
    while True:
        ready = select.select(watched, [], [])[0]
        if 0 in ready:
            asked = os.read(0, 65536)
            if b'"stop"' in asked:
                os.kill(child, signal.SIGTERM)
            if not asked:
                watched.remove(0)
        if reader in ready:
            data = os.read(reader, 1 << 16)
            if not data:
                break
            say.line(data)
            if say.gone:
                return
    os.waitpid(child, 0)


class Recorder:
    """Writes events to the node's disk, and to the wire while somebody is there."""

    def __init__(self, disk: BinaryIO, wire: int) -> None:
        self.disk = disk
        self.wire: Optional[int] = wire

    def __call__(self, event: Mapping[str, Any]) -> None:
        data = json.dumps(event).encode("utf-8") + b"\n"
        self.disk.write(data)
        if event["type"] != "step":
            self.disk.flush()
        while self.wire is not None and data:
            try:
                data = data[os.write(self.wire, data) :]
            except BrokenPipeError:
                self.wire = None

    def sync(self) -> None:
        self.disk.flush()
        os.fsync(self.disk.fileno())


class Walker:
    """The walk of one order, with every secret masked in what it says."""

    def __init__(
        self, plan: Plan, order: Mapping[str, Any], say: Say, *, check: bool, token: int = 0
    ) -> None:
        self.plan = plan
        self.order = order
        self.check = check
        self.token = token
        self.secrets: Mapping[str, str] = order.get("secrets", {})
        mask = masker(self.secrets)
        self.say: Say = lambda event: say(mask(event))
        self.stop = False

    def __call__(self) -> Report:
        if not self.check:
            signal.signal(signal.SIGTERM, self._stop)
        started = time.monotonic()
        identity = digest(self.plan)
        self.say(
            {
                "type": "start",
                "run": self.order["run"],
                "plan": self.plan.name,
                "digest": identity,
                "steps": len(self.plan.steps),
                "by": self.order["by"],
                "at": int(time.time()),
                "token": self.token,
            }
        )
        step_now = {"id": ""}

        def begin(step: Step) -> None:
            step_now["id"] = step.id
            self.say({"type": "step", "id": step.id})

        def progress(text: str) -> None:
            self.say({"type": "progress", "id": step_now["id"], "text": text})

        def emit(outcome: Outcome) -> None:
            self.say({"type": "outcome", "outcome": outcome_json(outcome)})

        disk = journal.DiskJournal(journal.STATE)
        ledger: journal.Journal = journal.MemoryJournal(disk.owed()) if self.check else disk
        outcomes = walk(
            self.plan,
            RealSystem(facts.gather(), progress=progress),
            TYPES,
            journal=ledger,
            secrets=self.secrets,
            check=self.check,
            begin=begin,
            emit=emit,
            stopping=lambda: self.stop,
        )
        report = Report(
            run=self.order["run"],
            plan=self.plan.name,
            digest=identity,
            mode="check" if self.check else "apply",
            outcomes=outcomes,
            owed=ledger.owed(),
            seconds=time.monotonic() - started,
            token=self.token,
        )
        self.say({"type": "report", "report": report_json(report)})
        return report

    def _stop(self, signum: int, frame: object) -> None:
        self.stop = True


def masker(secrets: Mapping[str, str]) -> Callable[[Any], Any]:
    """A function that replaces every secret's text in every string of a JSON value.

    Texts shorter than 6 characters are left alone: masking those would tear ordinary words apart.
    A text of several lines is also masked line by line, since logs and diffs show lines.
    """
    texts: Set[str] = set()
    for text in secrets.values():
        texts.update(part for part in [text, *text.splitlines()] if len(part) >= 6)
    ordered = sorted(texts, key=len, reverse=True)

    def mask(value: Any) -> Any:
        if isinstance(value, str):
            for text in ordered:
                if text in value:
                    value = value.replace(text, "***")
            return value
        if isinstance(value, (list, tuple)):
            return [mask(item) for item in value]
        if isinstance(value, dict):
            return {key: mask(item) for key, item in value.items()}
        return value

    return mask if ordered else (lambda value: value)


def attach(run: str, say: Any) -> int:
    """Tell the events of a run from its beginning, following it while it goes on."""
    if "/" in run or run not in journal.last_runs(journal.STATE):
        say({"type": "refused", "code": "run-unknown", "found": run})
        return 1
    with open(journal.events_path(journal.STATE, run), "rb") as file:
        while True:
            line = file.readline()
            if line.endswith(b"\n"):
                say.line(line)
                if b'"type": "report"' in line[:32]:
                    return 0
                continue
            file.seek(-len(line), os.SEEK_CUR)
            holder = journal.holder_of(journal.STATE)
            if (holder is None or holder.get("run") != run) and not file.read(1):
                say({"type": "refused", "code": "run-broken-off", "found": run})
                return 1
            time.sleep(0.05)
            if say.gone:
                return 0


