"""Digests of large files that seldom change, remembered between runs."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from ..node.values import Blob

FILE = "digests.json"


def blob_of(path: Path) -> Blob:
    """The name of a file's bytes."""
    with path.open("rb") as file:
        return Blob(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)


def remembered_blob(path: Path, state: Path) -> Blob:
    """The same, read only when the file is not the one of last time.

    ``state`` is a private directory.  What it remembers says which file: its inode and times.
    """
    there = path.stat()
    known = [str(path), there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns]
    known.append(there.st_ctime_ns)
    memory = state / FILE
    try:
        remembered = json.loads(memory.read_text(encoding="ascii"))
        if remembered["file"] == known:
            return Blob(remembered["sha256"], there.st_size)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none, or one of another shape: made anew
    blob = blob_of(path)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    staged = memory.with_name(f"{FILE}.{os.getpid()}")
    staged.write_text(json.dumps({"file": known, "sha256": blob.sha256}), encoding="ascii")
    staged.replace(memory)
    return blob
