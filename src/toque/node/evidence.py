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
_IDS = r"(?:\[[^\]]*\] )*"  # of a request, before each line of its traceback
_FRAME = re.compile(_IDS + r' +File "([^"]+)", line (\d+)')
_WITHIN = re.compile(_IDS + r"    ")  # what is said of a frame
_RELEASE = re.compile(r"^/srv/www/[^/]+/releases/[^/]+/")
_PACKAGES = re.compile(r"/(site|dist)-packages/|/lib/python3|/\.toque/|^<frozen ")


def cause(lines: Sequence[str]) -> str:
    """The last exception of a log in one line, or empty."""
    lines = own_words(lines)
    at = _cause_at(lines)
    return lines[at].strip() if at is not None else ""


def telling(lines: Sequence[str]) -> List[str]:
    """The lines to show: those that end with the cause and what came just after it, or the last.

    Of a traceback that is too long for that the calls within packages are left out first: what
    the app's own code did is what its author can change.
    """
    lines = own_words(lines)
    at = _cause_at(lines)
    if at is None:
        return lines[-SHOWN:]
    after = lines[at + 1 : at + 1 + AFTER]
    before = lines[: at + 1]
    if len(before) + len(after) > SHOWN:
        before = _own_calls(before)
    return [*before, *after][-SHOWN:]


def place(lines: Sequence[str]) -> str:
    """``file:line`` of the app's own code that the cause came from, as its project has it."""
    lines = own_words(lines)
    at = _cause_at(lines)
    for line in reversed(lines[: at or 0]):
        if line.rstrip().endswith(TRACEBACK):
            return ""
        frame = _FRAME.match(line)
        if not frame or _PACKAGES.search(frame.group(1)):
            continue
        file = _RELEASE.sub("", frame.group(1))
        if not file.startswith("/"):
            return f"{file}:{frame.group(2)}"
    return ""


def _own_calls(lines: Sequence[str]) -> List[str]:
    """A traceback without the calls inside packages, but for the innermost."""
    last = max((n for n, line in enumerate(lines) if _FRAME.match(line)), default=0)
    kept: List[str] = []
    left_out = 0
    skips = False
    for number, line in enumerate(lines):
        frame = _FRAME.match(line)
        if frame:
            skips = number != last and bool(_PACKAGES.search(frame.group(1)))
            left_out += skips
        elif skips and not _WITHIN.match(line):
            skips = False
        if skips:
            continue
        if left_out:
            kept.append(f"  ... {left_out} calls within packages")
            left_out = 0
        kept.append(line)
    return kept


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
