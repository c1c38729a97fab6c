"""Files of /etc/cron.d, as Debian's cron reads them: crontab(5), load_entry and load_env.

cron gives a command line to ``/bin/sh -c``, after it has turned each ``%`` into a line end unless
a backslash stands before it.  Here a line is made from an argument list, each word in the shell's
single quotes.
"""

import re
from typing import List, Sequence, Tuple

from ..resource import Invalid
from . import Unquotable, one_line

LONGEST = 998  # bytes of a command or a variable: MAX_COMMAND and MAX_ENVSTR of cron.h are 1000
NICKNAMES = ("@reboot", "@hourly", "@daily", "@weekly", "@monthly", "@yearly")
FIELDS: Tuple[Tuple[str, int, int], ...] = (
    ("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7),
)  # fmt: skip
_PART = re.compile(r"(\*|([0-9]{1,2})(?:-([0-9]{1,2}))?)(?:/([0-9]{1,2}))?")


def schedule(value: str) -> str:
    """Five fields or a nickname, in their plainest spelling.  Raises ``Invalid``."""
    if value in NICKNAMES:
        return value
    parts = value.split(" ")
    if len(parts) != len(FIELDS):
        raise Invalid("schedule", f"five fields, or one of {' '.join(NICKNAMES)}", value)
    for text, (name, low, high) in zip(parts, FIELDS):
        for part in text.split(","):
            if not _fits(part, low, high):
                raise Invalid(
                    "schedule", f"numbers from {low} to {high}, *, - / and , as its {name}", text
                )
    return value


def _fits(part: str, low: int, high: int) -> bool:
    found = _PART.fullmatch(part)
    if not found:
        return False
    star, first, last, step = found.group(1) == "*", found.group(2), found.group(3), found.group(4)
    if step is not None and (int(step) < 1 or not (star or last)):
        return False  # what 5/10 means differs between crons
    numbers = [int(number) for number in (first, last) if number is not None]
    return all(low <= number <= high for number in numbers) and numbers == sorted(numbers)


def command(argv: Sequence[str]) -> str:
    """The command field for an argument list."""
    text = " ".join(word(one) for one in argv)
    if len(text.encode()) > LONGEST:
        raise Unquotable("cron", f"a command line of at most {LONGEST} bytes", text)
    return text


def word(value: object) -> str:
    """One argument in single quotes.

    A quote becomes a quote in double quotes.  A backslash ends the quoted part and starts a new
    one, so that none stands before another or before a ``%``, where some crons take it away.
    """
    text = one_line(value, "cron")
    kept: List[str] = []
    for char in text:
        kept.append({"'": "'\"'\"'", "\\": "\\''", "%": "\\%"}.get(char, char))
    return "'" + "".join(kept) + "'"


def variable(name: str, value: object) -> str:
    """A line that sets a variable for the commands below it; cron expands nothing in it."""
    text = one_line(value, "cron variable")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise Unquotable("cron variable", "a name like PATH", name)
    if text != text.strip():
        raise Unquotable("cron variable", "text without space at its ends, which cron cuts", text)
    if '"' in text and "'" in text:
        raise Unquotable("cron variable", "text without one of the two quotes", text)
    if text[:1] in ("'", '"') and text[0] == text[-1]:
        raise Unquotable("cron variable", "text without quotes around it, which cron cuts", text)
    quote = "'" if '"' in text else '"'
    line = f"{name}={quote}{text}{quote}"
    if len(line.encode()) > LONGEST:
        raise Unquotable("cron variable", f"a line of at most {LONGEST} bytes", text)
    return line + "\n"
