r"""Environment files that systemd and ``/bin/sh`` read to the same bytes.  Pure.

Every value stands in double quotes, in which both take ``\`` before ``\ " $ `` ` as that
character and everything else, line breaks included, as it is.  systemd leaves a backslash before
any other character alone and so does this parser.
"""

import re
from typing import Dict, List, Mapping

from ..resource import Invalid
from . import LARGEST_ENVIRONMENT, LONGEST_ARGUMENT, is_character

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SPECIAL = re.compile(r'([\\"$`])')
_BARE = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")


def encode_env(values: Mapping[str, str]) -> str:
    """The file's text, names sorted.  Raises ``Invalid`` for what no process can be given."""
    check_whole(values)
    return "".join(f'{name}="{_escaped(name, values[name])}"\n' for name in sorted(values))


def _escaped(name: str, value: str) -> str:
    check_env(name, value)
    return _SPECIAL.sub(r"\\\1", value)


def check_env(name: str, value: str) -> None:
    """Raise ``Invalid`` (which never shows the value) for a pair no process can be given."""
    if not _NAME.match(name):
        raise Invalid("environment", "names like DATABASE_URL", name)
    if "\0" in value:
        raise Invalid(f"environment {name}", "a value without NUL", "one with NUL")
    if not all(is_character(char) for char in value):
        # systemd leaves the variable out when its value is not what it calls UTF-8.
        raise Invalid(f"environment {name}", "a value that is valid in UTF-8", "another character")
    if len(f"{name}={value}".encode()) > LONGEST_ARGUMENT:
        expected = f"at most {LONGEST_ARGUMENT} bytes with its name"
        raise Invalid(f"environment {name}", expected, "a longer one")


def check_whole(values: Mapping[str, str]) -> None:
    """Raise ``Invalid`` for more than a process can be given in all."""
    size = sum(
        len(f"{name}={text}".encode("utf-8", "replace")) + 9 for name, text in values.items()
    )
    if size > LARGEST_ENVIRONMENT:
        expected = f"at most {LARGEST_ENVIRONMENT} bytes in all"
        raise Invalid("environment", expected, f"{size} bytes in {len(values)} variables")


def parse_env(text: str) -> Dict[str, str]:
    """Names and values of a file as ``encode_env`` writes it, or written by hand as simply.

    Takes blank lines, comments, and values in double quotes, in single quotes, or bare when they
    are plain words.  Raises ``Invalid`` naming the line for anything that systemd and a shell
    might read differently.
    """
    values: Dict[str, str] = {}
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        line = text[at : end if end >= 0 else len(text)]
        if not line.strip() or line.lstrip()[0] in "#;":
            at += len(line) + 1
            continue
        name, equals, _ = line.partition("=")
        if not equals or not _NAME.match(name):
            raise _odd(text, at, "NAME=value")
        start = at + len(name) + 1
        values[name], at = _value(text, start)
        if at < len(text) and text[at] != "\n":
            raise _odd(text, start, "nothing after the value")
        at += 1
    return values


def _value(text: str, at: int) -> "tuple[str, int]":
    quote = text[at : at + 1]
    if quote == "'":
        end = text.find("'", at + 1)
        if end < 0:
            raise _odd(text, at, "a closing '")
        return text[at + 1 : end], end + 1
    if quote != '"':
        bare = _bare(text, at)
        return bare, at + len(bare)
    kept: List[str] = []
    spot = at + 1
    while spot < len(text):
        char = text[spot]
        if char == '"':
            return "".join(kept), spot + 1
        if char in "$`":
            raise _odd(text, at, f"\\{char} instead of {char}")
        if char == "\\":
            following = text[spot + 1 : spot + 2]
            if following == "\n":
                raise _odd(text, at, "no line that ends with a backslash")
            kept.append(following if following and following in '\\"$`' else "\\" + following)
            spot += 2
            continue
        kept.append(char)
        spot += 1
    raise _odd(text, at, 'a closing "')


def _bare(text: str, at: int) -> str:
    found = _BARE.match(text, at)
    return found.group(0) if found else ""


def _odd(text: str, at: int, expected: str) -> Invalid:
    line = text.count("\n", 0, at) + 1
    return Invalid(f"environment file line {line}", expected, "something else")
