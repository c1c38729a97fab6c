"""A job of Upstart as a unit of systemd, after init(5) of Upstart 1.13 and systemd.service(5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from .accounting import of_text
from .erb import Translated, carry
from .layout import visible
from .values import Expr, Path

_SERVICE = {"chdir": "WorkingDirectory", "setuid": "User", "setgid": "Group", "exec": "ExecStart",
            "umask": "UMask", "nice": "Nice"}  # fmt: skip
_KILL = {"signal": "KillSignal", "timeout": "TimeoutStopSec"}


def as_unit(
    file: str, source: str, attribute: Callable[[Path, int], Expr],
    instances: Mapping[str, Expr] | None,
) -> Translated:  # fmt: skip
    """Line by line; what has no counterpart is listed, and named in the unit."""
    account = of_text(file, source)
    unit: list[str] = []
    service: list[str] = ["Type=simple"]
    install: list[str] = []
    uses: set[str] = set()
    whole = True
    for number, line in enumerate(account.lines, 1):
        text = line.strip()
        if not text:
            continue
        made = carry(file, text, attribute, instances)
        if text.startswith("#") and made.whole:
            account.carried(number, number)
            unit.append(made.text)
            continue
        entry = _entry(made.text) if made.whole else None
        if entry is None:
            reason = made.account.entries[0].reason.partition(": ")[2] if not made.whole else ""
            left = account.left(number, number, reason or "no counterpart in a unit")
            unit.append(visible(f"# TODO(chef): {left.place}: {left.reason}").replace("{", "("))
            whole = whole and text.startswith(("env ", "start on", "stop on"))
            continue
        account.carried(number, number)
        uses |= made.uses
        {"Unit": unit, "Service": service, "Install": install}[entry[0]].extend(entry[1])
    if not whole or not any(line.startswith("ExecStart=") for line in service):
        account = of_text(file, source)
        account.left(1, max(len(account.lines), 1), "a job of Upstart that does more than exec")
        return Translated("", account, whole=False)
    text = "\n".join(["[Unit]", *unit, "", "[Service]", *service, ""])
    text += "\n".join(["", "[Install]", *install, ""]) if install else ""
    return Translated(text, account, frozenset(uses))


def _entry(text: str) -> tuple[str, list[str]] | None:
    """The section and its lines for one stanza; None without a counterpart."""
    if "%" in text:  # of systemd's own
        return None
    word, _, rest = text.partition(" ")
    rest = rest.strip()
    if word in ("description", "author"):
        return "Unit", [f"Description={_bare(rest)}"] if word == "description" else [
            f"# {_bare(rest)}"
        ]
    if re.fullmatch(r"start on .*(runlevel|filesystem|started networking|net-device).*", text):
        return "Install", ["WantedBy=multi-user.target"]
    if re.fullmatch(r"stop on .*(runlevel|shutdown).*", text):
        return "Install", []
    if text == "respawn":
        return "Service", ["Restart=always"]
    if match := re.fullmatch(r"respawn limit (\d+) (\d+)", text):
        return "Unit", [f"StartLimitBurst={match[1]}", f"StartLimitIntervalSec={match[2]}"]
    if match := re.fullmatch(r"limit nofile (\d+) (\d+)", text):
        return "Service", [f"LimitNOFILE={match[1]}:{match[2]}"]
    if match := re.fullmatch(r"kill (signal|timeout) (\w+)", text):
        return "Service", [f"{_KILL[match[1]]}={match[2]}"]
    if word == "console":
        return "Service", []
    if match := re.fullmatch(r"env (\w+)=(.*)", text):
        return "Service", [f'Environment="{match[1]}={_bare(match[2])}"']
    if word in _SERVICE and rest and not (word == "exec" and re.search(r"[|&;<>$`\\]", rest)):
        return "Service", [f"{_SERVICE[word]}={rest}"]
    return None


def _bare(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
