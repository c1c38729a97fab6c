"""What programs have written to the journal of systemd."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from .ask import Ask
from .program import output
from .text import short

PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")  # syslog(3)


@dataclass(frozen=True)
class Message:
    """``priority`` is a word of syslog(3), from ``emerg`` to ``debug``."""

    time: datetime
    unit: str
    priority: str
    text: str

    def __repr__(self) -> str:
        return f"<{self.time:%F %T} {self.unit} {self.priority}: {short(self.text)}>"


def journal(ask: Ask, unit: str, since: str, priority: str, lines: int) -> tuple[Message, ...]:
    words = ["journalctl", "--output=json", "--quiet", "--no-pager", f"--lines={lines}"]
    words += [f"--unit={unit}"] if unit else []
    words += [f"--since={since}"] if since else ["--boot"]
    words += [f"--priority={priority}"] if priority else []
    return tuple(message(line) for line in output(ask, *words).splitlines())


def message(line: str) -> Message:
    """One line of ``journalctl --output=json``; a text that is not UTF-8 comes as numbers."""
    value = json.loads(line)
    text = value.get("MESSAGE") or ""
    if isinstance(text, list):
        text = bytes(text).decode("utf-8", "replace")
    return Message(
        datetime.fromtimestamp(int(value["__REALTIME_TIMESTAMP"]) / 1e6, UTC),
        value.get("_SYSTEMD_UNIT") or value.get("UNIT") or "",
        PRIORITIES[int(value.get("PRIORITY", 6))],
        text,
    )
