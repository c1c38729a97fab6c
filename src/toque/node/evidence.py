"""What a failing program's log tells: its cause in one line, and the lines around it.  Pure."""

import re
from typing import List, Optional, Sequence

# A worker that is stopped because another one failed ends with one of these: not the cause.
INTERRUPTIONS = ("KeyboardInterrupt", "SystemExit", "GeneratorExit")
# gunicorn's master ends with this, at length, when a worker did not start: it hides why.
MASTERS_END = "gunicorn.errors.HaltServer"
# What uWSGI says of an app that raised nothing: it has no such callable.
NO_APP = "unable to load app "
TRACEBACK = "Traceback (most recent call last):"
CHAINED = "During handling of the above exception, another exception occurred:"
MANY_RESPAWNS = 4  # more than two workers that each fell over once
SHOWN = 20  # lines
# uWSGI, gunicorn 20 and newer, granian, uvicorn.
_DEATH = re.compile(
    r"DAMN ! worker \d+ .* died|Worker \(pid:\s*\d+\) exited with code [1-9]|"
    r"Worker \(pid:\s*\d+\) was sent SIG(?!TERM)|Unexpected exit from worker|"
    r"Child process \[\d+\] died"
)
AFTER = 3  # of them after the cause


def cause(lines: Sequence[str]) -> str:
    """The last exception of a log in one line, or empty."""
    lines = own_words(lines)
    at = _cause_at(lines)
    return lines[at].strip() if at is not None else ""


def telling(lines: Sequence[str]) -> List[str]:
    """The lines to show: those that end with the cause and what came just after it, or the last."""
    lines = own_words(lines)
    at = _cause_at(lines)
    end = len(lines) if at is None else min(len(lines), at + 1 + AFTER)
    return list(lines[max(0, end - SHOWN) : end])


def loops(lines: Sequence[str]) -> bool:
    """Whether a server keeps starting workers anew: it runs and listens, and will never answer.

    uWSGI does that with workers that end by themselves while they load the app.  gunicorn ends.
    """
    return sum("Respawned uWSGI worker" in line for line in lines) >= MANY_RESPAWNS


def since(before: Sequence[str], now: Sequence[str]) -> List[str]:
    """The lines of a log that came after ``before`` was read; each has its last lines only."""
    for count in range(min(len(before), len(now)), 0, -1):
        if list(before[-count:]) == list(now[:count]):
            return list(now[count:])
    return list(now)


def deaths(lines: Sequence[str]) -> List[str]:
    """Lines in which a server says that a worker of its has ended by itself."""
    return [line for line in lines if _DEATH.search(line)]


def own_words(lines: Sequence[str]) -> List[str]:
    """The log without the tracebacks of a master that ends because its workers did."""
    kept: List[str] = []
    block: List[str] = []
    for line in lines:
        if line.rstrip().endswith(TRACEBACK):
            kept += block
            block = [line]
        elif not block:
            kept.append(line)
        else:
            block.append(line)
            if line and not line[0].isspace():
                kept += [] if line.startswith(MASTERS_END) else block
                block = []
    kept += block
    while kept and kept[-1].strip() in ("", CHAINED):
        kept.pop()
    return kept


def _cause_at(lines: Sequence[str]) -> Optional[int]:
    """Where the last exception is named: the first line without indentation after a traceback.

    Chained tracebacks end with the exception that was not caught.  An interruption counts only
    when there is nothing else, not even a server's own word.
    """
    found: List[int] = []
    inside = False
    for number, line in enumerate(lines):
        if line.rstrip().endswith(TRACEBACK):
            inside = True
        elif inside and re.match(r"(\[[^\]]*\] )*[A-Za-z_][\w.]*(:|$)", line):
            found.append(number)
            inside = False
    causes = [n for n in found if not lines[n].strip().startswith(INTERRUPTIONS)]
    words = [number for number, line in enumerate(lines) if line.startswith(NO_APP)]
    return next((some[-1] for some in (causes, words, found) if some), None)
