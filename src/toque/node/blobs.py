"""Bytes that travelled beside plans, kept under their hash until no run has used them for a while.

The runtime of an apply holds the node's lock, but a check does not, so nothing here may break
another run that uses the same bytes at the same time.
"""

import hashlib
import os
import time
from typing import Any, BinaryIO, Callable, List, Mapping

from .journal import synced

Say = Callable[[Mapping[str, Any]], None]

KEPT_S = 7 * 24 * 3600  # an unused uv or bundle of last week is sent again
STALE_S = 3600  # a half-sent one this old is nobody's any more


def receive(wanted: Any, stdin: BinaryIO, say: Say, directory: str) -> None:
    """Ask for the bytes this node does not have; those that arrive whole are kept.

    Raises ``EOFError`` when the connection ends inside one, ``ValueError`` for altered bytes.
    """
    os.makedirs(directory, mode=0o700, exist_ok=True)
    prune(directory, time.time())
    if not wanted:
        return
    missing: List[Mapping[str, Any]] = []
    for blob in wanted:
        try:
            os.utime(os.path.join(directory, blob["sha256"]))  # used now
        except FileNotFoundError:
            missing.append(blob)
    say({"type": "need-blobs", "blobs": [blob["sha256"] for blob in missing]})
    for blob in missing:
        _store(stdin, os.path.join(directory, blob["sha256"]), blob["sha256"], int(blob["size"]))


def _store(stdin: BinaryIO, path: str, sha256: str, size: int) -> None:
    staged, left, seen = f"{path}.{os.getpid()}", size, hashlib.sha256()
    try:
        with open(staged, "wb") as file:
            while left:
                part = stdin.read(min(left, 1 << 20))
                if not part:
                    raise EOFError("the connection ended inside a blob")
                seen.update(part)
                file.write(part)
                left -= len(part)
            file.flush()
            os.fsync(file.fileno())
        if seen.hexdigest() != sha256:
            raise ValueError(f"bytes of {sha256[:12]} arrived altered")
        os.rename(staged, path)
        synced(os.path.dirname(path))
    except BaseException:
        if os.path.exists(staged):
            os.unlink(staged)
        raise


def prune(directory: str, now: float) -> None:
    """Remove what no run has used for a week, and what a killed one left half sent."""
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        try:
            unused_s = now - os.stat(path).st_mtime
            if unused_s > (STALE_S if "." in name else KEPT_S):
                os.unlink(path)
        except FileNotFoundError:
            continue  # another run prunes too
