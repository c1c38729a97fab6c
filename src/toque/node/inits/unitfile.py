"""Unit files as data: the common subset of systemd.syntax(7) and its quoting.  Pure."""

import re
from typing import Dict, List, Tuple

from ..record import dataclass

_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", '"': '"', "'": "'", "s": " ",
}  # fmt: skip

# Words that mean the same bare and quoted.
_BARE = re.compile(r"[A-Za-z0-9_./:=@,+%$-]+")

_UNITS = {
    "us": 1e-6, "ms": 1e-3, "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "minute": 60, "minutes": 60, "h": 3600, "hr": 3600, "hour": 3600,
    "hours": 3600, "d": 86400, "day": 86400, "days": 86400, "": 1,
}  # fmt: skip


class UnitSyntax(ValueError):
    """Text that is not a unit file; ``line`` counts from 1, 0 when it is about a value."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line


@dataclass(frozen=True)
class UnitFile:
    """``(section, key, value)`` in written order, values joined over continued lines."""

    entries: Tuple[Tuple[str, str, str], ...]

    def values(self, section: str, key: str) -> List[str]:
        """All values of a key; an empty one drops those before it, as in systemd."""
        kept: List[str] = []
        for at, name, value in self.entries:
            if (at, name) == (section, key):
                kept = kept + [value] if value else []
        return kept

    def last(self, section: str, key: str, default: str = "") -> str:
        values = self.values(section, key)
        return values[-1] if values else default

    def flag(self, section: str, key: str) -> bool:
        return self.last(section, key).lower() in ("1", "yes", "true", "on", "y", "t")

    def keys(self, section: str) -> List[str]:
        """Keys of a section that have a value, each once, in written order."""
        names: Dict[str, None] = {k: None for s, k, _ in self.entries if s == section}
        return [name for name in names if self.values(section, name)]


def parse(text: str) -> UnitFile:
    """Read a unit file.  Raises ``UnitSyntax``."""
    entries: List[Tuple[str, str, str]] = []
    section = ""
    held = ""
    held_at = 0
    for number, raw in enumerate(text.splitlines(), 1):
        if raw.lstrip()[:1] in ("#", ";"):
            continue  # also between continued lines
        line = held + raw.strip() if held else raw.strip()
        start = held_at or number
        if line.endswith("\\") and not line.endswith("\\\\"):
            held, held_at = line[:-1].rstrip() + " ", start
            continue
        held, held_at = "", 0
        if not line:
            continue
        if line.startswith("["):
            if not line.endswith("]") or len(line) < 3:
                raise UnitSyntax(f"expected [Section], found {line!r}", start)
            section = line[1:-1]
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip():
            raise UnitSyntax(f"expected Key=value, found {line!r}", start)
        if not section:
            raise UnitSyntax(f"{key.strip()} stands before any [Section]", start)
        entries.append((section, key.strip(), value.strip()))
    if held.strip():
        raise UnitSyntax("the last line ends with a backslash", held_at)
    return UnitFile(tuple(entries))


def split(value: str) -> List[str]:
    """Split a value into words, with systemd's quotes and C escapes.  Raises ``UnitSyntax``."""
    words: List[str] = []
    word: List[str] = []
    inside = False
    quote = ""
    at = 0
    while at < len(value):
        char = value[at]
        at += 1
        if char == "\\":
            text, at = _escape(value, at)
            word.append(text)
            inside = True
        elif quote:
            if char == quote:
                quote = ""
            else:
                word.append(char)
        elif char in "\"'":
            quote = char
            inside = True
        elif char in " \t\n\r":
            if inside:
                words.append("".join(word))
            word, inside = [], False
        else:
            word.append(char)
            inside = True
    if quote:
        raise UnitSyntax(f"a quote {quote} is not closed in {value!r}")
    if inside:
        words.append("".join(word))
    return words


def word(text: str) -> str:
    """One argument of an Exec line that reaches its program as it is; not for the program itself.

    Specifiers, variables and quotes lose their meaning: systemd.service(5), "Command lines".
    Raises ``UnitSyntax`` for text that no process can be given.
    """
    if "\0" in text:
        raise UnitSyntax(f"an argument cannot hold a NUL character: {text!r}")
    text = text.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    if _BARE.fullmatch(text):
        return text
    for name, char in (("n", "\n"), ("r", "\r"), ("t", "\t"), ('"', '"')):
        text = text.replace(char, "\\" + name)
    # What is left of the control characters, and the line ends of Unicode.
    coded = [c if c.isprintable() else f"\\U{ord(c):08x}" for c in text]
    return '"' + "".join(coded) + '"'


def _escape(value: str, at: int) -> Tuple[str, int]:
    rest = value[at:]
    if rest[:1] in _ESCAPES and rest:
        return _ESCAPES[rest[0]], at + 1
    for pattern, base in ((r"x([0-9a-fA-F]{2})", 16), (r"u([0-9a-fA-F]{4})", 16),
                          (r"U([0-9a-fA-F]{8})", 16), (r"([0-7]{3})", 8)):  # fmt: skip
        found = re.match(pattern, rest)
        if found and int(found.group(1), base):
            return chr(int(found.group(1), base)), at + len(found.group(0))
    if not rest:
        raise UnitSyntax(f"a backslash ends {value!r}")
    return "\\" + rest[0], at + 1  # systemd keeps what it does not know


def seconds(value: str) -> float:
    """A time span (``90``, ``1min 30s``, ``infinity``) in seconds.  Raises ``UnitSyntax``."""
    if value.strip() == "infinity":
        return float("inf")
    total = 0.0
    parts = re.findall(r"\s*([0-9.]+)\s*([a-z]*)", value)
    if not parts or "".join(n + u for n, u in parts) != re.sub(r"\s", "", value):
        raise UnitSyntax(f"expected a time span, found {value!r}")
    for number, unit in parts:
        if unit not in _UNITS:
            raise UnitSyntax(f"expected a unit of time, found {unit!r} in {value!r}")
        total += float(number) * _UNITS[unit]
    return total
