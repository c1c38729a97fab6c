"""Which migrations were run for which release of an app: a line of JSON each, oldest first.

    /var/lib/toque/apps/APP.migrations.jsonl     root, 0600
    /var/lib/toque/apps/APP.migrating            root, 0600: who migrates now

A record is ``{"at", "release", "commit", "by", "tool", "complete", "elsewhere", "applied"}``;
``elsewhere`` says that another node of the deployment did the work.  ``applied`` holds what
``verdicts.judged_json`` says of each migration, in order.  Without ``complete`` it was begun, and
was killed or failed: ``applied`` is then what the tool told of, or else all that was begun.
"""

import json
from typing import Any, Dict, List, Mapping, Optional, Sequence

from .contents import text_at
from .system import System

KEPT = 1000  # lines, as of the switches


def records_path(app: str) -> str:
    return f"/var/lib/toque/apps/{app}.migrations.jsonl"


def owner_path(app: str) -> str:
    return f"/var/lib/toque/apps/{app}.migrating"


def read_migrated(system: System, app: str) -> List[Dict[str, Any]]:
    """Every record; a line that cannot be read is left out."""
    found = []
    for line in (text_at(system, records_path(app)) or "").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if (
            isinstance(record, dict)
            and "release" in record
            and isinstance(record.get("applied"), list)
        ):
            found.append(record)
    return found


def append_migrated(
    system: System,
    app: str,
    record: Optional[Mapping[str, Any]],
    *,
    replacing: Optional[Mapping[str, Any]] = None,
) -> None:
    """Add one record, and take away the one that said that it had begun."""
    make_directory(system)
    records = [one for one in read_migrated(system, app) if one != replacing]
    if record is not None:
        records.append(dict(record))
    text = "".join(json.dumps(one, sort_keys=True) + "\n" for one in records[-KEPT:])
    system.write(records_path(app), text.encode("utf-8"), mode=0o600)


def make_directory(system: System) -> None:
    for directory in ("/var/lib/toque", "/var/lib/toque/apps"):
        if system.stat(directory) is None:
            system.mkdir(directory, owner="root", group="root", mode=0o700)


def is_migrated(records: Sequence[Mapping[str, Any]], release: str) -> bool:
    """Whether the command has succeeded for ``release``.  Pure."""
    return any(one["release"] == release and one.get("complete") for one in records)


def applied_since(
    records: Sequence[Mapping[str, Any]], release: str
) -> Optional[List[Dict[str, Any]]]:
    """The migrations that the database has gained since ``release`` had it, oldest first.

    None when ``release`` is not on record here, or others were migrated for by another node, so
    that nobody can tell.  Pure.
    """
    last = max((at for at, one in enumerate(records) if one["release"] == release), default=None)
    if last is None or any(one.get("elsewhere") for one in records[last + 1 :]):
        return None
    return _once(records[last + 1 :])


def applied_for(records: Sequence[Mapping[str, Any]], release: str) -> List[Dict[str, Any]]:
    """The migrations that were applied for ``release``.  Pure."""
    return _once([one for one in records if one["release"] == release])


def _once(records: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """The migrations of some records; what was begun twice is applied once."""
    found: Dict[str, Dict[str, Any]] = {}
    for number, one in enumerate(records):
        for at, migration in enumerate(one["applied"]):
            if isinstance(migration, dict):
                key = str(migration.get("revision") or (number, at))
                found.setdefault(key, {**migration, "release": str(one["release"])})
    return list(found.values())
