"""The node's program: ``facts | check [APP] | apply [APP] | attach RUN | call RUN | runs |
releases APP | repository | survey | giveback | forget | watched APP | history APP | once |
see QUESTION | pack APP VENV``.

Lines of JSON come back on standard output; an order (and bytes too large for a line) come in on
standard input.  ``check`` and ``apply`` tell the facts first, and the releases of ``APP``, so that
the plan can be made from them while the connection waits.  ``apply`` runs in a child of its own
session that writes its events to the node's disk, so it ends in order whatever happens to the
connection; this process only copies events.

Every few seconds a ``beat`` is told, whatever else goes on: a node that is silent for longer is
lost, and nobody waits for it without an end.
"""

import json
import os
import signal
import sys
from typing import Any, BinaryIO, Dict, List, Mapping, Optional

from . import facts
from .greeting import greeting

BEAT_S = 10.0  # the controller gives up after several: SILENCE_S in its pipe.py
BEAT = b'{"type": "beat"}\n'


def main(argv: List[str], stdin: BinaryIO, stdout: BinaryIO, state: str = "") -> int:
    """Run one command; 0 when it could be carried out, whatever the report says.

    ``state`` is the directory that this node's memory is in; see ``state_of``.
    """
    say = Speaker(stdout)
    if stdout is getattr(sys.__stdout__, "buffer", None):  # else we are not a program of our own
        begin_beating(say)
    state = state or state_of(__file__)
    command, rest = argv[0], argv[1:]
    if command in ("check", "apply"):
        told = greeting(rest[0] if rest else "")
        say(told)
        from . import run  # while the plan is being made from them

        return run.serve(command, told, stdin, say, state)
    if command == "attach":
        from . import follow

        return follow.attach(rest[0], stdin, say, state)
    if command == "call":
        from . import calling

        return calling.call(rest[0], say, state)
    if command == "repository":
        from . import repository
        from .realsystem import RealSystem
        from .wire import facts_from

        return repository.serve(RealSystem(facts_from(greeting()["facts"])), stdin, say)
    if command == "once":
        return once(stdin, say)
    if command == "pack":
        from .packing import pack
        from .realsystem import RealSystem
        from .resources.venv import MARKER
        from .wire import facts_from

        pack(RealSystem(facts_from(facts.look())), rest[0], rest[1], MARKER, say)
        return 0
    if command == "see":
        from .sight.answer import answer

        return answer(json.loads(rest[0]), say, state, lambda: say.gone)
    found = looked(command, rest, state)
    say(found or {"type": "refused", "code": "node-command-unknown", "found": command})
    return 0 if found else 2


def looked(command: str, rest: List[str], state: str) -> Optional[Mapping[str, Any]]:
    """The answer to a question that is answered at once; None to what is no such question."""
    if command == "facts":
        return {**greeting(), "boot": facts.boot()}
    if command == "runs":
        return runs(state)
    if command == "releases":
        return {**greeting(rest[0], states=True), "type": "releases"}
    if command == "survey":
        from . import survey

        return {"type": "survey", **survey.look()}
    if command == "giveback":
        return giveback()
    if command == "forget":
        return forgotten(state)
    if command == "watched":
        return watched(rest[0])
    if command == "history":
        return history(rest[0])
    return None


def once(stdin: BinaryIO, say: "Speaker") -> int:
    """Put a one-off command down, for a second connection to run: see ``oneoff.py``."""
    from . import agent, oneoff
    from .errors import StepFailed
    from .realsystem import RealSystem
    from .wire import facts_from

    agent.install()
    system = RealSystem(facts_from(facts.look()))
    try:
        say({"type": "once", "token": oneoff.put_down(system, json.loads(stdin.readline()))})
    except StepFailed as error:
        say({"type": "refused", "code": error.code, "found": error.message})
        return 2
    return 0


class Speaker:
    """Writes one JSON line per event; goes quiet when nobody listens any more."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.gone = False
        self.busy = False

    def __call__(self, event: Mapping[str, Any]) -> None:
        self.line(json.dumps(event).encode("utf-8") + b"\n")

    def line(self, data: bytes) -> None:
        if not self.gone:
            self.busy = True
            try:
                self.stream.write(data)
                self.stream.flush()
            except (BrokenPipeError, ValueError):
                self.gone = True
            finally:
                self.busy = not data.endswith(b"\n")  # what is copied may come in parts of lines

    def beat(self, signum: int, frame: object) -> None:
        """From a signal's handler, at any moment; but never into a line."""
        if not self.busy:
            self.line(BEAT)


def begin_beating(say: Speaker) -> None:
    """By a timer, which wakes us from any wait; children that we fork have none of it."""
    signal.signal(signal.SIGALRM, say.beat)
    signal.setitimer(signal.ITIMER_REAL, BEAT_S, BEAT_S)


def state_of(program: str) -> str:
    """The memory of a runtime lies where the runtime does: STATE/rt/SHA256/toque_node/FILE."""
    parts = os.path.abspath(program).split(os.sep)
    if parts[-4:-3] == ["rt"]:
        return os.sep.join(parts[:-4])
    from .journal import STATE

    return STATE


def runs(state: str) -> Mapping[str, Any]:
    """The runs this node remembers, newest last, each with how it ended."""
    from . import agent, journal

    found: List[Dict[str, Any]] = []
    for run in journal.last_runs(state):
        entry: Dict[str, Any] = {"run": run}
        last: List[Dict[str, Any]] = []
        try:
            with open(journal.events_path(state, run), "rb") as file:
                lines = file.read().splitlines()
            entry.update(json.loads(lines[0]))
            last = [json.loads(lines[-1])]
        except (OSError, ValueError, IndexError):
            pass
        entry["finished"] = agent.report_of(last) is not None
        entry["ended"] = agent.ending(last)
        found.append(entry)
    return {"type": "runs", "runs": found, "holder": journal.holder_of(state)}


def forgotten(state: str) -> Mapping[str, Any]:
    from . import forget
    from .realsystem import RealSystem
    from .wire import facts_from

    left = forget.forget(RealSystem(facts_from(facts.look())), state)
    return {"type": "forgotten", "left": left}


def giveback() -> Mapping[str, Any]:
    """What Toque has added to this machine and can be taken away again: see ``giveback.py``."""
    from . import giveback
    from .errors import StepFailed
    from .realsystem import RealSystem
    from .wire import facts_from

    try:
        return {"type": "giveback", **giveback.look(RealSystem(facts_from(facts.look())))}
    except StepFailed as error:
        return {"type": "refused", "code": error.code, "found": error.message}


def watched(app: str) -> Mapping[str, Any]:
    """What is watched after the last switch of ``app``, and what came of it; None without."""
    from .realsystem import RealSystem
    from .watch.order import as_json, read_order
    from .wire import facts_from

    order = read_order(RealSystem(facts_from(facts.look())), app)
    return {"type": "watched", "order": as_json(order) if order else None}


def history(app: str) -> Mapping[str, Any]:
    """The deploys of ``app`` on this node, as ``deploys.py`` has them."""
    from . import deploys
    from .realsystem import RealSystem
    from .wire import facts_from

    found = deploys.told(RealSystem(facts_from(facts.look())), app)
    return {"type": "history", "deploys": found}


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer))
