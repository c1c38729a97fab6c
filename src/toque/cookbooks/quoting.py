"""One value as one token of a configuration syntax; what cannot be one is refused.

``nginx``: the lexer of ``ngx_conf_file.c``.  ``unit``: systemd.syntax(7) and systemd.unit(5)
specifiers.  ``ini``: uWSGI's reader, where ``%`` and ``$(`` are placeholders.
``env``: what systemd's EnvironmentFile= and /bin/sh read the same way.
"""

from __future__ import annotations

import re

# Words that mean the same bare and quoted: no space, quote, backslash, ; or #.
_BARE = re.compile(r"[A-Za-z0-9_./%][A-Za-z0-9_./:=@,+%-]*")


class Unquotable(Exception):
    """A value that cannot be written without changing the structure around it."""

    def __init__(self, syntax: str, expected: str, value: str) -> None:
        super().__init__(f"{value!r} cannot be written in {syntax} syntax")
        self.syntax = syntax
        self.expected = expected
        self.value = value


def _lines(value: object, syntax: str) -> str:
    text = _plain(value)
    # U+0085, U+2028 and U+2029 are line ends to some editors and parsers.
    if any((ord(c) < 32 and c != "\t") or ord(c) == 127 or c in "\x85\u2028\u2029" for c in text):
        raise Unquotable(syntax, "text without line ends and control characters", text)
    return text


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise Unquotable("any", "text or a number", repr(value))


def nginx(value: object) -> str:
    """A double-quoted token.  ``$`` is refused: nginx has no way to write it literally."""
    text = _lines(value, "nginx")
    if "$" in text:
        raise Unquotable("nginx", "text without $, which starts a variable", text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unit(value: object) -> str:
    """A value of a unit file, in double quotes when it needs them.

    Plain words stay bare, because settings such as WorkingDirectory= take no quotes.  ``$`` is
    refused: Exec lines read it as a variable, Environment= does not, and one text has to do for
    both.
    """
    text = _lines(value, "systemd unit")
    if "$" in text:
        raise Unquotable("systemd unit", "text without $, which starts a variable", text)
    escaped = text.replace("%", "%%")
    if _BARE.fullmatch(text):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t") + '"'


def ini(value: object) -> str:
    """A bare value of a uWSGI ini line."""
    text = _lines(value, "ini")
    if any(mark in text for mark in ("%", "$(", "@(", ";", "#", "\\")):
        raise Unquotable("ini", "text without % $( @( ; # and \\", text)
    if text != text.strip():
        raise Unquotable("ini", "text without space at its ends", text)
    return text


def env(value: str) -> str:
    """A double-quoted value; the bytes come back exactly, line ends included."""
    if "\0" in value:
        raise Unquotable("environment", "text without a NUL character", value)
    for mark in ("\\", '"', "$", "`"):
        value = value.replace(mark, "\\" + mark)
    return f'"{value}"'
