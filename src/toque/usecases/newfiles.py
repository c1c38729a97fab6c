"""Files that a command writes where there were none: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import AskedWrongly, unwritable


def write_new(folder: Path, files: Mapping[str, bytes], elsewhere: str) -> tuple[Path, ...]:
    """Write ``files`` by their paths below ``folder``; the paths written.

    Raises ``AskedWrongly``: ``file-there`` (``elsewhere`` is the command that writes into another
    folder), ``file-unwritable``.  What was there stays as it was.
    """
    there = [
        path for path in (folder / name for name in files) if path.exists() or path.is_symlink()
    ]
    if there:
        raise AskedWrongly(
            "file-there",
            f"there is a {there[0].relative_to(folder)} already; nothing was written",
            expected=f"none of these files in {folder}",
            found=", ".join(map(str, there[:8]))
            + (f" and {len(there) - 8} more" if there[8:] else ""),
            hint=f"{elsewhere} writes into another folder",
        )
    made: list[Path] = []
    try:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as new:
                made.append(path)
                new.write(data)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        raise unwritable(name, folder, error) from error
    return tuple(made)
