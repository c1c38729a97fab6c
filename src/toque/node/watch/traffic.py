"""What visitors got, from the access log that nginx writes: one JSON object a line.

The format is ``log_format toque`` of the cookbook nginx: ``status``, ``seconds``, ``time`` (of the
end), ``upstream`` (empty when the app was not asked).  The log may be rotated at any time (Debian's
logrotate renames it to ``.1`` and compresses it a day later): the rest of the old file is read, and
what is at its path then from its start.
"""

import contextlib
import json
import os
from datetime import datetime
from typing import BinaryIO, Iterator, List, Optional, Tuple

from ..record import dataclass
from ..system import System
from .judge import Requests

MOST_BEFORE = 2 << 20  # bytes of the log that are looked at: some 5,000 requests
MOST_AT_ONCE = 8 << 20  # bytes of one look afterwards; what is more waits for the next


@dataclass(frozen=True)
class Position:
    """A place in a log: the file's inode and how many bytes of it were read."""

    inode: int = 0
    offset: int = 0


def end_of(system: System, path: str) -> Position:
    """Where the log ends now."""
    with _opened(system, path) as file:
        if file is None:
            return Position()
        status = os.fstat(file.fileno())
        return Position(status.st_ino, status.st_size)


def before(system: System, path: str, position: Position) -> Requests:
    """The last requests up to ``position``, those in the file before this one included."""
    data = b""
    for name in (rotated(path), path):
        with _opened(system, name) as file:
            if file is None:
                continue
            status = os.fstat(file.fileno())
            last = status.st_ino == position.inode
            end = position.offset if last else status.st_size
            file.seek(max(0, end - MOST_BEFORE))
            data += file.read(end - file.tell())
        if last:
            break
    return counted(data[-MOST_BEFORE:].split(b"\n"))  # a part of the first is no line of ours


def since(
    system: System, path: str, position: Position, began: float = 0.0
) -> Tuple[Requests, Position]:
    """The requests after ``position``, and where to go on; a line that is not whole waits.

    Those that began before ``began`` are the old release's, and not counted.
    """
    rest = b""
    with _opened(system, path) as file:
        if file is None:
            return Requests(), position
        status = os.fstat(file.fileno())
        if status.st_ino != position.inode:
            rest = _rest(system, rotated(path), position)
        new = status.st_ino != position.inode or status.st_size < position.offset
        start = 0 if new else position.offset
        file.seek(start)
        data = file.read(MOST_AT_ONCE)
    whole = data.rfind(b"\n") + 1
    lines = rest.split(b"\n") + data[:whole].split(b"\n")
    return counted(lines, began), Position(status.st_ino, start + whole)


def rotated(path: str) -> str:
    """Where logrotate puts the file before this one."""
    return f"{path}.1"


def _rest(system: System, path: str, position: Position) -> bytes:
    """What came after ``position`` in a file that has been renamed to ``path``."""
    with _opened(system, path) as file:
        if file is None or os.fstat(file.fileno()).st_ino != position.inode:
            return b""
        file.seek(position.offset)
        return file.read(MOST_AT_ONCE)


def counted(lines: List[bytes], began: float = 0.0) -> Requests:
    """Lines of the log as counts; what is not a line of ours is passed over.

    Nor is a file counted that the web server has sent by itself, or a request that came before
    ``began`` (seconds since 1970; lines tell their end to the second, so one too many is left out).
    """
    count, errors, seconds = 0, 0, []
    for line in lines:
        try:
            entry = json.loads(line)
            status, took = int(entry["status"]), float(entry["seconds"])
            if not entry.get("upstream", "-"):
                continue
            if began and datetime.fromisoformat(entry["time"]).timestamp() - took < began:
                continue
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            continue
        count += 1
        if status >= 500:
            errors += 1
        elif status != 101:  # a websocket lasts as long as its visitor stays
            seconds.append(took)
    return Requests(count, errors, tuple(seconds))


def together(one: Requests, other: Requests) -> Requests:
    return Requests(
        one.count + other.count, one.errors + other.errors, (*one.seconds, *other.seconds)
    )


@contextlib.contextmanager
def _opened(system: System, path: str) -> Iterator[Optional[BinaryIO]]:
    try:
        file = system.opened(path)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    with file:
        yield file
