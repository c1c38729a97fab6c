"""Which commit is this?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path


def commit(environ: Mapping[str, str], start: Path) -> str:
    """The commit that a deploy put here: ``TOQUE_COMMIT``, else the release's own record.

    The record is ``.toque/release.json`` in the release, which is ``start`` or a folder above it.
    """
    if environ.get("TOQUE_COMMIT"):
        return environ["TOQUE_COMMIT"]
    for folder in (start, *start.parents):
        record = folder / ".toque" / "release.json"
        if record.is_file():
            return str(json.loads(record.read_text(encoding="utf-8"))["commit"])
    return "unknown"
