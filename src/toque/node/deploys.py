"""The record of deploys of one app, failed ones too: a line of JSON each, readable by root only.

Beside the record of switches (``history.py``), which says what served when, and why a watch went
back.
"""

import contextlib
import json
import re
from datetime import datetime, timezone
from typing import Any, Dict, List, Optional, Tuple

from .applayout import app_path, deploys_path, is_release
from .contents import text_at
from .errors import StepFailed
from .history import mark_switch, read_history
from .model import Report, Status
from .system import System

KEPT = 1000  # lines, as of switches
TRIGGER = re.compile(r"(.*) \((\w+)\)", re.S)  # who, and by what: "ada@desk (push)"


def record(system: System, report: Report, by: str) -> None:
    """Put a run on record when it was a deploy.  A full disk is no reason to fail one."""
    told = deployed(report)
    if told is None:
        return
    what, app, release = told
    with contextlib.suppress(StepFailed, OSError):
        for directory in ("/var/lib/toque", "/var/lib/toque/apps"):
            if system.stat(directory) is None:
                system.mkdir(directory, owner="root", group="root", mode=0o700)
        entry = {**entry_of(report, by), "what": what, "release": release}
        entry["commit"] = _commit(system, app, release)
        entry["at"] = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        entries = [*_read(system, app), entry][-KEPT:]
        text = "".join(json.dumps(one, sort_keys=True) + "\n" for one in entries)
        system.write(deploys_path(app), text.encode(), owner="root", group="root", mode=0o600)
        switches = read_history(system, app)
        if what == "rollback" and switches and switches[-1]["release"] == release:
            mark_switch(system, app, release, back=True)


def deployed(report: Report) -> Optional[Tuple[str, str, str]]:
    """``deploy`` or ``rollback``, the app and the release of a run; None of any other.  Pure.

    Of a deploy to many nodes, which is several runs on each, the one that switches counts, and
    one that failed.
    """
    words = report.plan.split(" ")
    if len(words) != 3 or words[0] not in ("deploy", "rollback") or not is_release(words[2]):
        return None
    switches = any(outcome.step.startswith("current:") for outcome in report.outcomes)
    return (words[0], words[1], words[2]) if switches or report.failed else None


def entry_of(report: Report, by: str) -> Dict[str, Any]:
    """What a report says of a deploy.  Pure."""
    with_trigger = TRIGGER.fullmatch(by)
    who, trigger = with_trigger.groups() if with_trigger else (by, "command")
    trouble = (report.failed.trouble or {}) if report.failed else {}
    stopped = bool(report.count(Status.NOT_RUN)) and report.failed is None
    return {
        "who": who,
        "trigger": trigger,
        "seconds": round(report.seconds, 3),
        "changed": report.changed,
        "result": "failed" if report.failed else "stopped" if stopped else "succeeded",
        "code": str(trouble.get("code", "")),
        "said": str(trouble.get("message", "")),
        "run": report.run,
    }


def told(system: System, app: str) -> List[Dict[str, Any]]:
    """Deploys, rollbacks and what the node went back to by itself, oldest first.

    Each has ``at`` (ISO 8601, UTC), ``what``, ``release``, ``commit``, ``who``, ``trigger``,
    ``seconds``, ``changed``, ``result``, ``code``, ``said`` and ``run``.
    """
    entries = _read(system, app)
    for switch in read_history(system, app):
        if switch.get("why"):
            entries.append(_put_back(switch))
    return sorted(entries, key=lambda entry: str(entry.get("at", "")))


def _put_back(switch: Dict[str, Any]) -> Dict[str, Any]:
    return {
        "at": str(switch.get("at", "")),
        "what": "put back",
        "release": str(switch["release"]),
        "commit": str(switch.get("commit", "")),
        "who": "the node",
        "trigger": "watch",
        "seconds": 0.0,
        "changed": 1,
        "result": "succeeded",
        "code": "put-back",
        "said": str(switch["why"]),
        "run": "",
    }


def _read(system: System, app: str) -> List[Dict[str, Any]]:
    """What is on record; a line that cannot be read is left out."""
    found = []
    for line in (text_at(system, deploys_path(app)) or "").splitlines():
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                found.append(entry)
    return found


def _commit(system: System, app: str, release: str) -> str:
    """In full when the release is there; its id begins with twelve digits of it."""
    path = f"{app_path(app)}/releases/{release}/.toque/release.json"
    try:
        return str(json.loads(system.read(path))["commit"])
    except (OSError, StepFailed, ValueError, KeyError, TypeError):
        return release.partition("-")[0]
