"""Rules of sudoers(5).

sudo joins a command's arguments with spaces and compares the whole with a pattern, so an argument
with a space in it cannot be told from two; such words are refused.  Patterns are never written:
``*`` matches spaces too, and so lets more in than it seems to (sudoers(5), "Wildcards").
"""

import re
from typing import Sequence

from . import LONGEST_ARGUMENT, Unquotable, one_line

ALL = "ALL"
_SPECIAL = re.compile(r"([,:=#*?\[\]!])")
_REFUSED = re.compile(r'[\s"\\]')


def rule(who: str, as_user: str, commands: Sequence[str], *, password: bool) -> str:
    """One line: ``who`` may run ``commands`` (encoded ones) as ``as_user``, on any host.

    ``who`` and ``as_user`` are names that the caller has checked, or ``ALL``.
    """
    tag = "PASSWD" if password else "NOPASSWD"
    return f"{who} ALL=({as_user}) {tag}: {', '.join(commands)}\n"


def command(argv: Sequence[str]) -> str:
    """A program with exactly these arguments; without any, it may be given none."""
    program, *arguments = argv or ("",)
    if not program.startswith("/") or program.endswith("/"):
        # A name without a slash would be an alias, a directory all that is in it.
        raise Unquotable("sudoers", "the absolute path of a program", program)
    return " ".join(
        [word(program), *(word(one) for one in arguments)] if arguments else [word(program), '""']
    )


def word(value: object) -> str:
    """One word of a command."""
    text = one_line(value, "sudoers")
    if not text or _REFUSED.search(text):
        raise Unquotable("sudoers", "a word without space, double quote or backslash", text)
    if len(text.encode()) > LONGEST_ARGUMENT:
        raise Unquotable("sudoers", f"a word of at most {LONGEST_ARGUMENT} bytes", text)
    if text.startswith("^"):
        # From sudo 1.9.10 on the start of a regular expression.
        raise Unquotable("sudoers", "a word that does not start with ^", text)
    return _SPECIAL.sub(r"\\\1", text)
