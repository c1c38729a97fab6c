"""A run asks its caller to come again, by a connection of its own, before a change counts.

The run says ``call`` and waits for a file; whoever asked for it opens a new session that runs
``call RUN``, which makes the file.  A caller that the change has locked out cannot.
"""

import contextlib
import os
import time
from typing import Any

from . import journal

PATIENCE_S = 20.0  # a new connection through a jump host takes two or three
LOOK_S = 0.05


def call(run: str, say: Any, state: str) -> int:
    """The caller has come."""
    if "/" in run or run not in journal.last_runs(state):
        say({"type": "refused", "code": "run-unknown", "found": run})
        return 1
    os.close(os.open(journal.called_path(state, run), os.O_CREAT | os.O_WRONLY, 0o600))
    say({"type": "called"})
    return 0


def called(state: str, run: str) -> bool:
    """Whether the caller comes within ``PATIENCE_S``."""
    path = journal.called_path(state, run)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
            return True
        time.sleep(LOOK_S)
    return False
