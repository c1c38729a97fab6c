"""The rule that a value never changes the structure around it, for any encoder.

A check takes the encoder, so that one that is broken on purpose can be given too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toque.node.formats import cron, environment, ini, nginx, postgres, publickey, sudoers, unit
from toque.node.resource import Invalid

Encode = Callable[[str], str]
# Gives (what the program read, what it found around) for each (text, value).
Read = Callable[[str, Sequence[tuple[str, str]]], list[tuple[Any, Any]]]

CORPUS = Path(__file__).parents[1] / "corpus" / "values.json"
BENIGN = "benign"
LONGEST_ERROR = 400  # characters
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6o7S+Cl71bp+D0WVpaXWFOQc9EAMhhof/CwNZrtCtF"

# By the name of its reader in format_readers.py: the text that holds a value.
ENCODERS: dict[str, Encode] = {
    "nginx": nginx.word,
    "unit_word": unit.word,
    "unit_environment": lambda value: unit.word("X=" + value),
    "unit_line": unit.line,
    "environment": lambda value: environment.encode_env({"X": value}),
    "ini": ini.line,
    "sudoers": lambda value: sudoers.rule(
        "probe", "root", [sudoers.command(("/usr/bin/printf", value))], password=False
    ),
    "cron": lambda value: (
        "@reboot root /usr/local/bin/said {number} " + cron.command((value, "last")) + "\n"
    ),
    "cron_variable": lambda value: (
        cron.variable("X", value) + "@reboot root /usr/local/bin/said {number} last\n"
    ),
    "pg_hba": lambda value: (
        f"host {postgres.name(value)} {postgres.name(value)} 10.0.0.0/8 scram-sha-256\n"
    ),
    "pg_setting": lambda value: f"probe.value = {postgres.setting(value)}\n",
    "authorized_keys": lambda value: (
        publickey.parse(f"{KEY} {value}" if value else KEY).line() + "\n"
    ),
}

# Twins of them with the rule broken, each as somebody has written it once.
MUTANTS: dict[str, list[Encode]] = {
    "nginx": [lambda v: f'"{v}"', lambda v: '"' + v.replace('"', '\\"') + '"'],
    "unit_word": [lambda v: f'"{v}"', lambda v: v.replace("%", "%%")],
    "unit_environment": [lambda v: f'"X={v}"'],
    "unit_line": [lambda v: v, lambda v: v.replace("%", "%%").replace("\n", " ")],
    "environment": [lambda v: f"X={v}\n", lambda v: 'X="' + v.replace('"', '\\"') + '"\n'],
    "ini": [lambda v: v, lambda v: v.replace("\n", " ").replace("%", "%%").strip()],
    "sudoers": [
        lambda v: f"probe ALL=(root) NOPASSWD: /usr/bin/printf {v}\n",
        lambda v: (
            "probe ALL=(root) NOPASSWD: /usr/bin/printf "
            + v.replace(",", "\\,").replace("=", "\\=").replace(":", "\\:").replace("\n", "")
            + "\n"
        ),
    ],
    "cron": [
        lambda v: f"@reboot root /usr/local/bin/said {{number}} '{v}' 'last'\n",
        lambda v: (
            "@reboot root /usr/local/bin/said {number} '"
            + v.replace("'", "'\\''").replace("\n", " ")
            + "' 'last'\n"
        ),
    ],
    "cron_variable": [lambda v: f'X="{v}"\n@reboot root /usr/local/bin/said {{number}} last\n'],
    "pg_hba": [lambda v: f'host "{v}" "{v}" 10.0.0.0/8 scram-sha-256\n'],
    "pg_setting": [
        lambda v: f"probe.value = '{v}'\n",
        lambda v: "probe.value = '" + v.replace("'", "''") + "'\n",
    ],
    "authorized_keys": [lambda v: f"{KEY} {v}\n"],
}


@dataclass(frozen=True)
class Verdict:
    """Names of values by what became of them; ``changed`` says for each what was read instead."""

    same: tuple[str, ...]
    refused: tuple[str, ...]
    changed: dict[str, str]
    unclear: tuple[str, ...]  # refused without saying what is expected, or at any length

    def __str__(self) -> str:
        return (
            f"{len(self.same) + len(self.refused) + len(self.changed)} values:"
            f" {len(self.same)} came back, {len(self.refused)} refused,"
            f" structural change {len(self.changed)}"
        )


def corpus() -> dict[str, str]:
    """The values by name."""
    entries = json.loads(CORPUS.read_text())
    return {entry["name"]: entry["text"] * entry.get("times", 1) for entry in entries}


def judge(name: str, encode: Encode, read: Read, values: dict[str, str]) -> Verdict:
    """Encode each value, let the program read it, and compare with a harmless one."""
    texts: dict[str, str] = {}
    refused, unclear = [], []
    for title, value in values.items():
        try:
            texts[title] = encode(value)
        except Invalid as error:
            refused.append(title)
            if not error.expected or len(str(error)) > LONGEST_ERROR:
                unclear.append(title)
    pairs = [(encode(BENIGN), BENIGN), *((text, values[title]) for title, text in texts.items())]
    (benign, structure), *others = read(name, pairs)
    assert benign == BENIGN, (benign, structure)
    changed = {
        title: f"{values[title][:40]!r} was read as {str(value)[:40]!r} in {str(around)[:200]}"
        for title, (value, around) in zip(texts, others, strict=True)
        if value != values[title] or around != structure
    }
    same = tuple(title for title in texts if title not in changed)
    return Verdict(same, tuple(refused), changed, tuple(unclear))
