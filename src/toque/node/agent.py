"""``toque-node``: what a node knows of itself, for whoever is logged in there as root.

It needs no controller and no network; it reads what runs have left and changes nothing.  ``once``
is the other end of ``toque run``.
"""

import contextlib
import json
import sys
import time
from typing import Any, Dict, Iterator, List, Mapping, NoReturn, Optional, Sequence

from . import facts, journal, paths, reading
from .errors import StepFailed
from .finding import words
from .wire import finding_from

PROGRAM = "/usr/local/sbin/toque-node"

# Constant, so that it is written once: the runtime used last is looked up when it is started.
SCRIPT = """\
#!/bin/sh
# Written by Toque: what this machine knows of its own runs.  Try: toque-node --help
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec python3 -I -S -X utf8 -c '
import os, sys
rt = "/var/lib/toque/rt"
names = [os.path.join(rt, name) for name in os.listdir(rt) if name[0] != "."]
sys.path.insert(0, max(names, key=lambda path: os.stat(path).st_mtime))
from toque_node.agent import main
sys.exit(main(sys.argv[1:]))
' "$@"
"""


def install() -> None:
    """Put the program in place, unless it is there already or there is no place for it."""
    text = SCRIPT.encode("utf-8")
    with contextlib.suppress(StepFailed, OSError):  # a read-only /usr is no reason not to converge
        there = reading.stat(PROGRAM)
        if there is None or there.kind != "file" or reading.read(PROGRAM) != text:
            paths.write(PROGRAM, text, owner="root", group="root", mode=0o755)


def main(argv: List[str], state: str = journal.STATE) -> int:
    """Run one command; 0 when it could answer."""
    import argparse  # not what every run pays for that only sees that the program is there

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            """Wrong words, in the shape that every error of Toque has; parts of it inherit this."""
            print(_usage(message, argv), file=sys.stderr)
            sys.exit(2)

    parser = Parser(prog="toque-node", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("last", help="what the last run did, and whether it succeeded")
    log = commands.add_parser("log", help="the runs on record, or all that one has said")
    log.add_argument("run", nargs="?", default="")
    commands.add_parser("facts", help="what this machine is, as JSON")
    once = commands.add_parser("once", help="run what toque run has put down; not for people")
    once.add_argument("token")
    watched = commands.add_parser("watch", help="watch the release that an app got last")
    watched.add_argument("app")
    asked = parser.parse_args(argv)
    if asked.command == "once":
        from . import oneoff
        from .realsystem import RealSystem
        from .wire import facts_from

        return oneoff.run(RealSystem(facts_from(facts.look())), asked.token)
    if asked.command == "facts":
        print(json.dumps(facts.look(), indent=1))
        return 0
    if asked.command == "watch":
        from .realsystem import RealSystem
        from .watch.program import watch
        from .wire import facts_from

        watch(RealSystem(facts_from(facts.look())), asked.app, state)
        return 0
    runs = journal.last_runs(state)
    if asked.command == "log" and not asked.run:
        for run in runs:
            print(headline(run, events(state, run)))
        holder = journal.holder_of(state)
        print(f"held by {holder.get('by')}, run {holder.get('run')}" if holder else "free")
        return 0
    run = asked.run if asked.command == "log" else (runs[-1] if runs else "")
    if run not in runs:
        print(_no_run(run), file=sys.stderr)
        return 1
    said = events(state, run)
    print(headline(run, said))
    for line in told(said, all_steps=asked.command == "log"):
        print("  " + line)
    return 0


def _usage(message: str, argv: Sequence[str]) -> str:
    return _error(
        "usage",
        message,
        expected="toque-node last, log [RUN], facts or watch APP",
        found=" ".join(argv) or "nothing",
        hint="toque-node --help",
    )


def _no_run(run: str) -> str:
    if not run:
        return _error("run-unknown", "no run is on record here", hint="toque converge NODE")
    return _error(
        "run-unknown", "this machine does not know the run", found=run, hint="toque-node log"
    )


def _error(code: str, message: str, *, expected: str = "", found: str = "", hint: str = "") -> str:
    """An error as ``toque`` shows it; what was typed cannot drive the terminal."""
    pairs = (("expected", expected), ("found", found), ("try", hint))
    lines = [f"error [{code}] {message}", *(f"  {name:<9} {text}" for name, text in pairs if text)]
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)


def events(state: str, run: str) -> List[Dict[str, Any]]:
    """What a run has said, as far as it can be read: a killed one may end within a line."""
    found = []
    try:
        with open(journal.events_path(state, run), encoding="utf-8") as file:
            for line in file:
                event = json.loads(line)
                if isinstance(event, dict):
                    found.append(event)
    except (OSError, ValueError):
        pass
    return found


def headline(run: str, said: List[Dict[str, Any]]) -> str:
    """One line: which run, of what, by whom, when, and how it ended."""
    start = said[0] if said else {}
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(int(start.get("at", 0))))
    return f"{run}  {at}  {start.get('plan', '?')}  by {start.get('by', '?')}: {ending(said)}"


def ending(said: List[Dict[str, Any]]) -> str:
    """How a run ended, in words."""
    report = report_of(said)
    if report is None:
        return "did not end (killed, or still going on)"
    outcomes = report["outcomes"]
    failed = [one["step"] for one in outcomes if one["status"] == "failed"]
    changed = sum(1 for one in outcomes if one["status"] == "changed" or one.get("actions"))
    if failed:
        return f"failed at {failed[0]}, {changed} changed before"
    if any(one["status"] == "not-run" for one in outcomes):
        return f"was stopped, {changed} changed before"
    return f"succeeded, {changed} changed"


def told(said: List[Dict[str, Any]], *, all_steps: bool) -> Iterator[str]:
    """Steps and what became of them; those that were right already only with ``all_steps``."""
    for event in said:
        outcome: Mapping[str, Any] = event.get("outcome", {})
        quiet = outcome.get("status") in ("ok", "skipped", "not-run") and not outcome.get("actions")
        if not outcome or (quiet and not all_steps):
            continue
        verbs = f" ({', '.join(outcome['actions'])})" if outcome.get("actions") else ""
        yield f"{outcome['status']:<9} {outcome['step']}{verbs}"
        for line in [*outcome.get("diff", ()), *outcome.get("notes", ())]:
            yield f"          {line}"
        trouble = outcome.get("trouble") or {}
        for finding in outcome.get("findings", ()):
            if finding["code"] != trouble.get("code"):  # told below
                yield from (f"          {line}" for line in words(finding_from(finding)))
        for name in ("message", "expected", "found", "hint"):
            if trouble.get(name):
                yield f"          {name}: {trouble[name]}"
        for line in trouble.get("log", ()):
            yield f"          | {line}"
    report = report_of(said)
    for target, verb in report["owed"] if report else ():
        yield f"owed      {verb} {target}"


def report_of(said: List[Dict[str, Any]]) -> Optional[Mapping[str, Any]]:
    """The report that ends a run, or None."""
    return said[-1]["report"] if said and said[-1].get("type") == "report" else None
