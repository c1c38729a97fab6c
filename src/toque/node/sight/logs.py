"""The logs of one app on this machine, read: its own, nginx's two, and what Toque did to it.

The app's own are of all its releases, also of those that are gone: the journal keeps them by unit,
supervisor in a file for each.
"""

import json
from typing import Callable, Dict, FrozenSet, Iterator, List, Mapping, Optional, Sequence, Tuple

from .. import agent, journal
from ..applayout import release_of
from ..appunits import part_of
from ..errors import StepFailed
from ..history import read_history
from ..inits.translate import log_path
from ..record import replace
from ..system import System
from .lines import (
    ACCESS,
    APP,
    DEPLOYS,
    NGINX,
    Entry,
    access_line,
    iso,
    journal_line,
    merged,
    nginx_line,
    untimed,
)

TAIL = 4 << 20  # bytes read of a file; 20,000 lines of an access log
MOST = 5000  # entries that one question is answered with
FIELDS = "MESSAGE,_PID,_SYSTEMD_UNIT,UNIT"
ALL = frozenset({APP, NGINX, ACCESS, DEPLOYS})


def read(
    system: System,
    app: str,
    since: float,
    *,
    sources: FrozenSet[str] = ALL,
    most: int = MOST,
    state: str = journal.STATE,
) -> Sequence[Entry]:
    """The last entries since ``since``, oldest first."""
    found: List[Entry] = []
    if APP in sources:
        found += app_log(system, app, since, most)
    if NGINX in sources:
        found += of_file(system, f"/var/log/nginx/{app}.error.log", nginx_line, since)
    if ACCESS in sources:
        found += of_file(system, f"/var/log/nginx/{app}.access.log", access_line, since)
    if DEPLOYS in sources:
        found += deploys(system, app, since, state)
    return merged(found, most)


def app_log(system: System, app: str, since: float, most: int = MOST) -> List[Entry]:
    if system.facts.init == "systemd":
        return journalled(system, app, [f"--since=@{since:.0f}", f"--lines={most}"])[0]
    found: List[Entry] = []
    for name in system.names("/var/log/toque"):
        release, _ = whose(app, name.replace(".log", ".service"))
        if release and name.endswith(".log"):
            path = log_path(name.replace(".log", ".service"))
            there = system.stat(path)
            last = there.changed_ns / 1e9 if there else 0.0
            if last >= since:
                found += [e for e in untimed(tail(system, path), last, release) if e.at >= since]
    return found


def whose(app: str, unit: str) -> Tuple[str, str]:
    """The release of a unit, and its name when it is a worker or a job; empty for others."""
    release = release_of(app, unit)
    part = part_of(app, unit) if release is None else None
    return (part.release, part.name) if part is not None else (release or "", "")


def journalled(system: System, app: str, which: Sequence[str]) -> Tuple[List[Entry], str]:
    """What the journal has of all releases, and where it ends (its cursor)."""
    argv = ["journalctl", "--quiet", "--no-pager", "--output=json", "--show-cursor", *which]
    argv += [f"--output-fields={FIELDS}", f"--unit={app}-*.service"]
    found: List[Entry] = []
    cursor = ""
    for line in system.run(argv, check=False, timeout_s=10).text.splitlines():
        if line.startswith("-- cursor: "):
            cursor = line[len("-- cursor: ") :]
            continue
        try:
            said = json.loads(line)
        except ValueError:
            continue
        # A pattern also fits the units of an app whose name begins with ours.
        unit = said.get("UNIT") or said.get("_SYSTEMD_UNIT") or ""
        release, name = whose(app, str(unit))
        entry = journal_line(line, release) if release else None
        if entry is not None:
            found.append(replace(entry, text=f"{name}: {entry.text}") if name else entry)
    return found, cursor


def of_file(
    system: System, path: str, parse: Callable[[str], Optional[Entry]], since: float
) -> List[Entry]:
    """Entries of a file, and of the one that logrotate made of it when it reaches further back."""
    found = [entry for entry in map(parse, tail(system, path)) if entry is not None]
    if not found or found[0].at > since:
        before = [entry for entry in map(parse, tail(system, path + ".1")) if entry is not None]
        found = before + found
    return [entry for entry in found if entry.at >= since]


def tail(system: System, path: str, size: int = TAIL) -> List[str]:
    """The last whole lines of a file; none when it is not there."""
    try:
        there = system.stat(path)
        if there is None or there.kind != "file":
            return []
        with system.opened(path) as file:
            if there.size > size:
                file.seek(there.size - size)
                file.readline()
            return file.read(size).decode("utf-8", "replace").splitlines()
    except (OSError, StepFailed):
        return []


def deploys(system: System, app: str, since: float, state: str = journal.STATE) -> List[Entry]:
    """Switches of the app, and runs of anything, each where it began and where it ended."""
    found = []
    for switch in read_history(system, app):
        at = _time(str(switch.get("at", "")))
        if at >= since:
            release = str(switch["release"])
            before = f" (from {switch['from']})" if switch.get("from") else ""
            data = {k: v for k, v in switch.items() if isinstance(v, (str, int, float))}
            found.append(Entry(at, DEPLOYS, f"serves {release}{before}", release, data=data))
    for run in journal.last_runs(state):
        if run_time(run) < since - 3600:  # its end may be later
            continue
        said = agent.events(state, run)
        began = float(said[0].get("at", 0)) if said else 0.0
        if not began:
            continue
        plan = f"{said[0].get('plan', '?')} by {said[0].get('by', '?')}"
        found.append(Entry(began, DEPLOYS, f"run {run} begins: {plan}"))
        report = agent.report_of(said)
        if report is not None:
            ended = began + float(report.get("seconds", 0.0))
            found.append(Entry(ended, DEPLOYS, f"run {run} ends: {agent.ending(said)}"))
    return [entry for entry in found if entry.at >= since]


def run_time(run: str) -> float:
    """When a run began, by its name: ``20261122T184411.052-3f9c2a``."""
    stamp = run[:15]
    return _time(
        f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[9:11]}:{stamp[11:13]}:{stamp[13:15]}"
    )


def _time(text: str) -> float:
    try:
        return iso(text)
    except ValueError:
        return 0.0


def follow(
    system: System, app: str, *, sources: FrozenSet[str] = ALL, every_s: float = 0.5
) -> Iterator[Sequence[Entry]]:
    """What comes from now on, twice a second, for ever."""
    at: Dict[str, int] = {}
    cursor = ""
    began = system.now()
    if APP in sources and system.facts.init == "systemd":
        cursor = journalled(system, app, ["--lines=1"])[1]
    files: Mapping[str, Callable[[str], Optional[Entry]]] = {
        path: parse
        for source, path, parse in (
            (NGINX, f"/var/log/nginx/{app}.error.log", nginx_line),
            (ACCESS, f"/var/log/nginx/{app}.access.log", access_line),
        )
        if source in sources
    }
    for path in files:
        _new_lines(system, path, at)
    while True:
        found: List[Entry] = []
        for path, parse in files.items():
            found += [e for e in map(parse, _new_lines(system, path, at)) if e is not None]
        if APP in sources and system.facts.init == "systemd":
            which = [f"--after-cursor={cursor}"] if cursor else [f"--since=@{began:.0f}"]
            entries, now = journalled(system, app, which)
            found += entries
            cursor = now or cursor
        elif APP in sources:
            for name in system.names("/var/log/toque"):
                release, _ = whose(app, name.replace(".log", ".service"))
                if release:
                    lines = _new_lines(system, f"/var/log/toque/{name}", at)
                    found += untimed(lines, system.now(), release)
        if DEPLOYS in sources:
            said = [e for e in deploys(system, app, began) if e.at > began]
            found += said
            began = max([began, *(e.at for e in said)])
        yield merged(found, MOST)
        system.sleep(every_s)


def _new_lines(system: System, path: str, at: Dict[str, int]) -> List[str]:
    """Whole lines behind the place that was read to; all of a file that was begun anew."""
    there = system.stat(path)
    size = there.size if there is not None else 0
    place = at.setdefault(path, size)
    if size < place:
        place = 0
    if size == place:
        at[path] = place
        return []
    try:
        with system.opened(path) as file:
            file.seek(place)
            data = file.read(TAIL)
    except (OSError, StepFailed):
        return []
    whole = data[: data.rfind(b"\n") + 1]
    at[path] = place + len(whole)
    return whole.decode("utf-8", "replace").splitlines()
