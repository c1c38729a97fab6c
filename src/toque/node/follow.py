"""Telling a run again to a controller that lost its connection, and following it to its end."""

import os
import select
import time
from typing import Any, BinaryIO, List

from . import journal

FOLLOW_S = 0.05


def attach(run: str, stdin: BinaryIO, say: Any, state: str) -> int:
    """Tell the events of a run from its beginning, following it while it goes on.

    A ``stop`` line asks it to end after its current step.
    """
    if "/" in run or run not in journal.last_runs(state):
        say({"type": "refused", "code": "run-unknown", "found": run})
        return 1
    listening = [stdin]
    told = 0
    while not say.gone:
        # Who holds is asked before the record is read: what was written last is not missed.
        holder = journal.holder_of(state)
        for line in _lines_from(journal.events_path(state, run), told):
            told += len(line)
            say.line(line)
            if line.startswith(b'{"type": "report"'):
                return 0
        if holder is None or holder.get("run") != run:
            say({"type": "refused", "code": "run-broken-off", "found": run})
            return 1
        if not listening:
            time.sleep(FOLLOW_S)
        elif select.select(listening, [], [], FOLLOW_S)[0]:
            asked = os.read(stdin.fileno(), 65536)
            listening = listening if asked else []
            if b'"stop"' in asked:
                os.close(os.open(journal.stop_path(state, run), os.O_CREAT | os.O_WRONLY, 0o600))
    return 0


def _lines_from(path: str, offset: int) -> List[bytes]:
    """The complete lines of a file behind ``offset``; none when it is not there yet."""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            lines = file.read().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return lines if not lines or lines[-1].endswith(b"\n") else lines[:-1]
