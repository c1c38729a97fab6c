"""Unit files, as systemd.syntax(7) and the specifiers of systemd.unit(5) have it.

``inits/unitfile.py`` reads them.
"""

import re

from . import LONGEST_ARGUMENT, Unquotable, one_line

# Words that mean the same bare and quoted: no space, quote, backslash, ; or #.
_BARE = re.compile(r"[A-Za-z0-9_./%][A-Za-z0-9_./:=@,+%-]*")


def word(value: object) -> str:
    """One word of a setting that takes words, in double quotes when it needs them.

    Plain words stay bare, because settings such as WorkingDirectory= take no quotes.  ``$`` is
    refused: Exec lines read it as a variable, Environment= does not, and one text has to do for
    both.
    """
    text = one_line(value, "systemd unit")
    if "$" in text:
        raise Unquotable("systemd unit", "text without $, which starts a variable", text)
    if len(text.encode()) > LONGEST_ARGUMENT:
        raise Unquotable("systemd unit", f"text of at most {LONGEST_ARGUMENT} bytes", text)
    escaped = text.replace("%", "%%")
    if _BARE.fullmatch(text):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t") + '"'


def line(value: object) -> str:
    """All of a setting that takes its line as it is: Description=, WorkingDirectory=.

    Such a setting knows no quotes, so space at the ends, which is cut off, is refused; so is a
    backslash at the end, which would take the next line in, and an empty text, which would unset.
    """
    text = one_line(value, "systemd unit line")
    if not text or text != text.strip() or text.endswith("\\"):
        raise Unquotable(
            "systemd unit line", "text without space or backslash at its ends, not empty", text
        )
    return text.replace("%", "%%")
