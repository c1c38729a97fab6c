"""A finished environment on its way to other nodes of the same kind: ``build_once``.

Its regular files travel as a tar, with the times that byte code is checked by.  Links, which lead
out to this machine's Python, are made anew where it arrives.  ``TOLD`` beside them says what it was
made from; whoever unpacks it compares.
"""

import base64
import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import tarfile
from typing import Any, Callable, Iterator, Mapping

from .applayout import app_path
from .contents import text_at
from .system import System

TOLD = ".toque-packed"
CONFIG = "pyvenv.cfg"  # which Python, by its path and version: PEP 405
KEY = "[0-9a-f]{16}"
PART = 768 << 10  # bytes of the tar in one event

Say = Callable[[Mapping[str, Any]], None]


class Parts:
    """A file that tells what is written to it, a part at a time."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._waiting = bytearray()
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> int:
        self._waiting += data
        while len(self._waiting) >= PART:
            self._tell(PART)
        return len(data)

    def flush(self) -> None:
        """Parts are told when they are whole."""

    def end(self) -> None:
        self._tell(len(self._waiting))
        self._say({"type": "packed", "sha256": self._digest.hexdigest(), "size": self._size})

    def _tell(self, count: int) -> None:
        part = bytes(self._waiting[:count])
        del self._waiting[:count]
        self._digest.update(part)
        self._size += len(part)
        self._say({"type": "part", "data": base64.b64encode(part).decode("ascii")})


def pack(system: System, app: str, key: str, marker: str, say: Say) -> None:
    """Tell the environment ``key`` of ``app`` in parts; an empty one when it is not complete here.

    ``marker`` names the file that says that it is.
    """
    folder = f"{app_path(app)}/venvs/{key}"
    made = text_at(system, f"{folder}/{marker}") if re.fullmatch(KEY, key) else None
    if made is None:
        say({"type": "packed", "sha256": "", "size": 0})
        return
    told = {"path": folder, "config": text_at(system, f"{folder}/{CONFIG}") or "", "made": made}
    parts = Parts(say)
    with contextlib.ExitStack() as stack:
        packed = stack.enter_context(gzip.GzipFile(None, "wb", 1, parts, 0))
        form = tarfile.PAX_FORMAT
        tar = stack.enter_context(tarfile.open(fileobj=packed, mode="w|", format=form))
        data = json.dumps(told).encode()
        tar.addfile(_entry(TOLD, len(data), 0o644, 0), io.BytesIO(data))
        for name in _files(system, folder):
            if name in (marker, CONFIG):
                continue
            with system.opened(f"{folder}/{name}") as file:
                there = os.fstat(file.fileno())
                entry = _entry(name, there.st_size, there.st_mode, int(there.st_mtime))
                tar.addfile(entry, file)
    parts.end()


def fits(told: str, *, path: str, made: str, config: str) -> bool:
    """Whether what was packed is what would be built here.  Pure."""
    try:
        return bool(json.loads(told) == {"path": path, "made": made, "config": config})
    except ValueError:
        return False


def _entry(name: str, size: int, mode: int, modified: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = size, modified
    entry.mode = 0o755 if mode & 0o100 else 0o644
    return entry


def _files(system: System, folder: str, above: str = "") -> Iterator[str]:
    """The regular files below a folder, by their names in it."""
    for name in system.names(f"{folder}/{above}".rstrip("/")):
        path = f"{above}/{name}" if above else name
        there = system.stat(f"{folder}/{path}")
        if there is not None and there.kind == "directory":
            yield from _files(system, folder, path)
        elif there is not None and there.kind == "file":
            yield path
