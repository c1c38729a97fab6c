"""Private keys in a text: what must never be in a repository that goes to machines.  Pure."""

from __future__ import annotations

import re

# What a file has to contain to be looked at; each of them is rare enough to be searched for.
HINTS = ("PRIVATE KEY-----", "AGE-SECRET-KEY-1")

# A line that begins one and, after the headers of old ciphers, a line of base64: text that only
# speaks of keys has no such line.  RFC 7468 and RFC 1421.
_PEM = re.compile(
    r"^[ \t]*-----BEGIN (?P<kind>(?:[A-Z0-9]+ )*PRIVATE KEY)-----[ \t]*\r?\n"
    r"(?:[A-Za-z0-9-]+: .*\r?\n)*(?:[ \t]*\r?\n)?"
    r"[ \t]*[A-Za-z0-9+/=]{16,}[ \t]*\r?$",
    re.M,
)
_AGE = re.compile(r"\bAGE-SECRET-KEY-1[0-9A-Z]{50,}\b")


def private_key(text: str) -> tuple[int, str] | None:
    """The line, from 1, and the kind of the first private key in ``text``; None without one."""
    found = [
        (match.start("kind"), match["kind"].lower()) for match in [_PEM.search(text)] if match
    ] + [(match.start(), "age identity") for match in [_AGE.search(text)] if match]
    if not found:
        return None
    at, kind = min(found)
    return text.count("\n", 0, at) + 1, kind
