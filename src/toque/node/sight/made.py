"""Which cookbooks and lock the last run of each event was made from, by the record of runs."""

import json
from typing import Dict, Mapping

from .. import journal
from ..wire import made_from

EVENTS = ("setup", "configure", "deploy")


def last_made_from(state: str) -> Dict[str, Mapping[str, str]]:
    """By event; what was not made from cookbooks (a key, a rollback by the node) is passed over."""
    found: Dict[str, Mapping[str, str]] = {}
    for run in reversed(journal.last_runs(state)):
        try:
            with open(journal.events_path(state, run), encoding="utf-8") as file:
                start = json.loads(file.readline())
            event = str(start["plan"]).partition(" ")[0]
            told = made_from(start)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # it was killed while it began
        if told and event in EVENTS:
            found.setdefault(event, told)
    return found
