"""uWSGI's ini files, whose reader knows no quotes; ``%`` and ``$(`` are placeholders in them."""

from . import Unquotable, one_line


def line(value: object) -> str:
    """A bare value of a line."""
    text = one_line(value, "ini")
    if any(mark in text for mark in ("%", "$(", "@(", ";", "#", "\\")):
        raise Unquotable("ini", "text without % $( @( ; # and \\", text)
    if text != text.strip():
        raise Unquotable("ini", "text without space at its ends", text)
    return text
