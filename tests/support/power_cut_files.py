"""What is at a path after a power cut at every step of its being replaced (NO-1).

    python power_cut_files.py FOLDER

prints one JSON line a cut.  ``BROKEN`` are operations as they are often written; on them the
harness has to see a loss.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from power_cut import Disk
from toque.node import journal, paths

OLD, NEW = b"old\n" * 25_000, b"new!\n" * 30_000


def in_place(path: str) -> None:
    Path(path).write_bytes(NEW)


def without_fsync(path: str) -> None:
    Path(f"{path}.new").write_bytes(NEW)
    os.rename(f"{path}.new", path)


def without_directory(path: str) -> None:
    with open(f"{path}.new", "wb") as file:
        file.write(NEW)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.new", path)


Operation = Callable[[str], None]
OURS: dict[str, Operation] = {
    "a file": lambda path: paths.write(path, NEW),
    "a file of another": lambda path: paths.write(path, NEW, owner="nobody", mode=0o600),
    "a record": lambda path: journal.durable(path, NEW.decode()),
    "a link": lambda path: paths.link(path, "new"),
}
BROKEN: dict[str, Operation] = {
    "in place": in_place,
    "without fsync": without_fsync,
    "without the directory": without_directory,
}


def main(folder: Path) -> None:
    disk = Disk.made(folder)
    path = disk.top / "there"
    for name, operation in {**OURS, **BROKEN}.items():
        old = (
            (lambda: path.symlink_to("old"))
            if operation is OURS["a link"]
            else (lambda: path.write_bytes(OLD))
        )
        for cut in disk.cuts(old, lambda act=operation: act(str(path))):
            with disk.powered():
                found = after(path)
            print(json.dumps([name, cut.step, cut.foreign, cut.done, found]), flush=True)


def after(path: Path) -> str:
    """What stands there when the power is back: old, new, or anything else."""
    if path.is_symlink():
        return os.readlink(path)
    found = path.read_bytes() if path.exists() else b""
    return {OLD: "old", NEW: "new"}.get(found, f"{len(found)} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
