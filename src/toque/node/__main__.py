"""The node's program: ``facts | check | apply | attach RUN | runs | releases APP``.

Lines of JSON come back on standard output; an order (and bytes too large for a line) come in on
standard input.  ``apply`` runs in a child of its own session that writes its events to the node's
disk, so it ends in order whatever happens to the connection; this process only copies events.
"""

import json
import os
import sys
from typing import Any, BinaryIO, Dict, List, Mapping

from . import facts, journal


def main(argv: List[str], stdin: BinaryIO, stdout: BinaryIO) -> int:
    """Run one command; 0 when it could be carried out, whatever the report says."""
    say = Speaker(stdout)
    command, rest = argv[0], argv[1:]
    if command == "facts":
        from .wire import facts_json

        say({"type": "facts", "facts": facts_json(facts.gather())})
        return 0
    if command in ("check", "apply"):
        from . import run

        return run.serve(command, stdin, say)
    if command == "attach":
        from . import run

        return run.attach(rest[0], say)
    if command == "runs":
        return runs(say)
    if command == "releases":
        from .resources.releases import list_releases
        from .system import RealSystem

        found = list_releases(RealSystem(facts.gather()), rest[0])
        say({"type": "releases", "releases": found})
        return 0
    say({"type": "refused", "code": "node-command-unknown", "found": command})
    return 2


class Speaker:
    """Writes one JSON line per event; goes quiet when nobody listens any more."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.gone = False

    def __call__(self, event: Mapping[str, Any]) -> None:
        self.line(json.dumps(event).encode("utf-8") + b"\n")

    def line(self, data: bytes) -> None:
        if not self.gone:
            try:
                self.stream.write(data)
                self.stream.flush()
            except (BrokenPipeError, ValueError):
                self.gone = True


def runs(say: Speaker) -> int:
    """The runs this node remembers, newest last, each with how it ended."""
    found: List[Dict[str, Any]] = []
    for run in journal.last_runs(journal.STATE):
        entry: Dict[str, Any] = {"run": run}
        try:
            with open(journal.events_path(journal.STATE, run), "rb") as file:
                lines = file.read().splitlines()
            entry.update(json.loads(lines[0]))
            last = json.loads(lines[-1])
            entry["finished"] = last.get("type") == "report"
        except (OSError, ValueError, IndexError):
            entry["finished"] = False
        found.append(entry)
    say({"type": "runs", "runs": found, "holder": journal.holder_of(journal.STATE)})
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer))
