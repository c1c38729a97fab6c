"""What the node program answers to ``see``: one question as JSON, lines of JSON back."""

import time
from typing import Any, Callable, Dict, Mapping

from .. import facts as machine_facts
from ..errors import StepFailed
from ..realsystem import RealSystem
from ..system import System
from ..wire import facts_from
from . import bypass, logs, look, state
from .failures import failures
from .made import last_made_from

Say = Callable[[Mapping[str, Any]], None]
LAST_S = 86400.0  # errors of a day, when no time is given


def answer(asked: Mapping[str, Any], say: Say, memory: str, gone: Callable[[], bool]) -> int:
    """``asked`` has ``what`` and, but for status, ``app``; ``gone`` tells that nobody listens."""
    told = machine_facts.look()
    system = RealSystem(facts_from(told))
    what = str(asked["what"])
    try:
        if what == "logs":
            return _logs(system, asked, say, memory, gone)
        if what == "errors":
            since = float(asked.get("since") or system.now() - LAST_S)
            entries = logs.read(system, str(asked["app"]), since, most=20000, state=memory)
            last = failures(entries)[-int(asked.get("most", 20)) :]
            errors = [one.as_json() for one in last]
            say({"type": "errors", "errors": errors, "at": system.now()})
        elif what == "status":
            say({"type": "status", **_status(system, asked, told, memory)})
        elif what == "doctor":
            found = look.look(system, asked, lambda: RealSystem(system.facts))
            found["addresses"] = told["addresses"]
            say({"type": "doctor", "facts": found})
        elif what == "bypass":
            said = bypass.bypass(system, str(asked["app"]), str(asked["host"]))
            say({"type": "bypass", "said": said})
        else:
            say({"type": "refused", "code": "node-command-unknown", "found": what})
            return 2
    except StepFailed as error:
        trouble = {"code": error.code, "message": error.message, "expected": error.expected}
        say({"type": "seen", "trouble": {**trouble, "hint": error.hint, "log": list(error.log)}})
    return 0


def _logs(
    system: System, asked: Mapping[str, Any], say: Say, memory: str, gone: Callable[[], bool]
) -> int:
    app, sources = str(asked["app"]), frozenset(asked.get("sources") or logs.ALL)
    most = int(asked.get("most", logs.MOST))
    found = logs.read(system, app, float(asked["since"]), sources=sources, most=most, state=memory)
    say({"type": "log", "entries": [dict(entry.as_json()) for entry in found]})
    if asked.get("follow"):
        for new in logs.follow(system, app, sources=sources):
            if gone():
                break
            if new:
                say({"type": "log", "entries": [dict(entry.as_json()) for entry in new]})
    say({"type": "end"})
    return 0


def _status(
    system: System, asked: Mapping[str, Any], told: Mapping[str, Any], memory: str
) -> Dict[str, Any]:
    apps = [str(app) for app in asked["apps"]]
    found = [state.status(system, app) for app in apps]
    return {
        "apps": found,
        "machine": state.machine(system, apps),
        "made_from": last_made_from(memory),
        "hostname": told["hostname"],
        "up_s": time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else 0,
        "at": system.now(),
    }
