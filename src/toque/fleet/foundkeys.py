"""Private keys in a text: what must never be in a repository that goes to machines.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

# What a file has to contain to be looked at; each of them is rare enough to be searched for.
HINTS = ("PRIVATE KEY-----", "PRIVATE KEY BLOCK-----", "AGE-SECRET-KEY-1", "PuTTY-User-Key-File-")

# A line that begins one and, after the headers of old ciphers, a line of base64: text that only
# speaks of keys has no such line.  RFC 7468 and RFC 1421.
_BEGIN = r"-----BEGIN (?P<kind>(?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?)-----"
_PEM = re.compile(
    rf"^[ \t]*{_BEGIN}[ \t]*\r?\n"
    r"(?:[A-Za-z0-9-]+: .*\r?\n)*(?:[ \t]*\r?\n)?"
    r"[ \t]*[A-Za-z0-9+/=]{16,}[ \t]*\r?$",
    re.M,
)
# The same inside a text of JSON, Python or a shell: line ends are written \n, or are blanks.
_QUOTED = re.compile(rf"(?<!\w){_BEGIN}(?:\s|\\[nr]?|[\"'+,]){{0,40}}[A-Za-z0-9+/]{{40}}")
_AGE = re.compile(r"\b(?P<kind>AGE-SECRET-KEY-1)[0-9A-Z]{50,}\b")
_PUTTY = re.compile(r"^(?P<kind>PuTTY-User-Key-File-\d): .*\n(?:.*\n){0,200}?Private-Lines: ", re.M)


def private_key(text: str) -> tuple[int, str] | None:
    """The line, from 1, and the kind of the first private key in ``text``; None without one."""
    return next(private_keys(text), None)


def private_keys(text: str) -> Iterator[tuple[int, str]]:
    """The line, from 1, and the kind of each private key in ``text``."""
    found = {
        match.start("kind"): match["kind"].lower()
        for shape in (_PEM, _QUOTED, _AGE, _PUTTY)
        for match in shape.finditer(text)
    }
    names = {"age-secret-key-1": "age identity"}
    for at in sorted(found):
        kind = "putty private key" if found[at].startswith("putty") else found[at]
        yield text.count("\n", 0, at) + 1, names.get(kind, kind)
