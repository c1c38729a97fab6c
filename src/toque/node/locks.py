"""Locks of other programs on their files, as dpkg's and apt's."""

import fcntl
import os
import struct

from .reading import CLOSED
from .walk import parent

FLOCK = "hhqqi4x"  # struct flock: type, whence, start, length, process


def lock_holder(path: str) -> str:
    """``name (process 12)`` of whoever holds a lock of fcntl(2) on a file, or ""."""
    try:
        with parent(path) as place:
            fd = os.open(place.name, os.O_RDONLY | os.O_NONBLOCK | CLOSED, dir_fd=place.fd)
            try:
                asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                answer = struct.unpack(FLOCK, fcntl.fcntl(fd, fcntl.F_GETLK, asked))
            finally:
                os.close(fd)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    if answer[0] == fcntl.F_UNLCK:
        return ""
    try:
        with open(f"/proc/{answer[4]}/comm", encoding="utf-8", errors="replace") as file:
            return f"{file.read().strip()} (process {answer[4]})"
    except OSError:  # it has just ended, or lives in another container
        return f"process {answer[4]}"
