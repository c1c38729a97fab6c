"""A private key in the tree (R27)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..fleet.foundkeys import private_keys
from .rule import Rule, Seen
from .subject import Subject

# A file that begins as a key does, and goes on as no example would.
BEGINS = re.compile(r"\s*-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----\s*(?!\s|[.<*-]|\Z)")


def look(subject: Subject) -> Iterator[Seen]:
    for file in subject.files:
        if file.path in subject.harmless:
            continue
        found = list(private_keys(file.text))
        if not found and (begins := BEGINS.match(file.text)):
            found = [(file.text.count("\n", 0, begins.start(1)) + 1, begins[1].lower())]
        for line, kind in found:
            yield Seen(
                file.path,
                line,
                f"here is a private key ({kind})",
                "replace it where it is used, then remove it: toque env set NAME --secret --file F",
            )


RULE = Rule(
    "private-key",
    "error",
    "A private key is in the project",
    "Whoever reads the repository, now or in its history, can use the key.",
    look,
)
