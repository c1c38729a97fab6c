"""Values as tokens of other programs' formats, one file per format.  Pure.

A value is written so that the program reads back exactly that value, or it is refused; it never
changes what stands around it.  ``tests/machine/test_formats.py`` asks the programs themselves,
with the values of ``tests/corpus``.
"""

from ..resource import Invalid

# A quarter of the usual limit of the stack (8 MiB) is for arguments and environment, see execve(2);
# one longest argument of it is left to the program.
LARGEST_ENVIRONMENT = 2 * 1024 * 1024 - 128 * 1024  # bytes, with a NUL and a pointer for each
LONGEST_ARGUMENT = 128 * 1024 - 1  # bytes; MAX_ARG_STRLEN of execve(2) counts a NUL as well
SHOWN = 60  # characters of a refused value


class Unquotable(Invalid):
    """A value that a format has no way to hold.  ``expected`` says what it takes."""

    def __init__(self, syntax: str, expected: str, value: str) -> None:
        shown = value if len(value) <= SHOWN else f"{value[:SHOWN]}... ({len(value)} characters)"
        super().__init__(f"{syntax} value", expected, shown)
        self.syntax = syntax


def one_line(value: object, syntax: str) -> str:
    """The text of a text, a number or a boolean; refused when it may not stand in one line.

    Tabs are let through.  So is all of Unicode but what some reader takes for a line end (U+0085,
    U+2028, U+2029) and what systemd's ``utf8_is_valid`` refuses (surrogates, noncharacters).
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int, float)):
        raise Unquotable(syntax, "text or a number", repr(value))
    text = str(value)
    if any((ord(c) < 32 and c != "\t") or 127 <= ord(c) < 160 or c in "\u2028\u2029" for c in text):
        raise Unquotable(syntax, "text without line ends and control characters", text)
    if not all(is_character(c) for c in text):
        raise Unquotable(syntax, "text that is valid in UTF-8", text)
    return text


def is_character(char: str) -> bool:
    """Whether Unicode has this as a character, as systemd's ``unichar_is_valid`` says it."""
    code = ord(char)
    return not (0xD800 <= code <= 0xDFFF or 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE)
