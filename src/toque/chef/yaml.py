"""The part of YAML that kitchen files are written in: mappings, lists, plain and quoted texts.

After YAML 1.2, chapters 7 and 8; anchors, tags, block texts and several documents are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .tokens import Unreadable

_KEY = re.compile(
    r"""("(?:[^"\\])*"|'[^']*'|[^\s#'"\[\]{},&*!|>%@`-].*?|-\S.*?)\s*:(?:\s+|$)(.*)"""
)


Line = tuple[int, int, str]


@dataclass(frozen=True)
class Value:
    """A text, number, true, false, None, dict of values or list of values, with its lines."""

    data: Any
    first: int
    last: int

    @property
    def plain(self) -> Any:
        """Without lines."""
        if isinstance(self.data, dict):
            return {key: value.plain for key, value in self.data.items()}
        return [value.plain for value in self.data] if isinstance(self.data, list) else self.data


def read(text: str) -> Value:
    """Raises ``Unreadable``."""
    lines: list[Line] = []
    for number, line in enumerate(text.split("\n"), 1):
        if "<%" in line:
            raise Unreadable(number, "Ruby inside YAML")
        if "\t" in line[: len(line) - len(line.lstrip())]:
            raise Unreadable(number, "a tab in front")
        bare = _without_comment(line)
        if bare.strip() and not (bare.strip() == "---" and not lines):
            lines.append((number, len(bare) - len(bare.lstrip()), bare.strip()))
    value, rest = _block(lines, 0, 0) if lines else (Value({}, 1, 1), 0)
    if rest < len(lines):
        raise Unreadable(lines[rest][0], "a line that is indented otherwise")
    return value


def _without_comment(line: str) -> str:
    quote = ""
    for at, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'" and (at == 0 or line[at - 1] in " [{,:"):
            quote = char
        elif char == "#" and (at == 0 or line[at - 1] in " \t"):
            return line[:at].rstrip()
    return line.rstrip()


def _block(lines: list[Line], at: int, indent: int, depth: int = 0) -> tuple[Value, int]:
    if depth > 40:
        raise Unreadable(lines[at][0], "nesting, too deep")
    number, own, text = lines[at]
    if own < indent:
        raise Unreadable(number, "a line that is indented otherwise")
    if text == "-" or text.startswith("- "):
        return _list(lines, at, own, depth)
    if _KEY.fullmatch(text):
        return _mapping(lines, at, own, depth)
    return Value(_scalar(text, number), number, number), at + 1


def _list(lines: list[Line], at: int, own: int, depth: int) -> tuple[Value, int]:
    first, items = lines[at][0], []
    while at < len(lines) and lines[at][1] == own and (lines[at][2] + " ").startswith("- "):
        number, _, text = lines[at]
        rest = text[1:].lstrip()
        if rest:
            inner = own + len(text) - len(rest)
            lines[at] = (number, inner, rest)
            value, at = _block(lines, at, inner, depth + 1)
        else:
            value, at = _below(lines, at, own, number, depth)
        items.append(value)
    return Value(items, first, items[-1].last), at


def _mapping(lines: list[Line], at: int, own: int, depth: int) -> tuple[Value, int]:
    first, found = lines[at][0], {}
    last = first
    while at < len(lines) and lines[at][1] == own and (match := _KEY.fullmatch(lines[at][2])):
        number = lines[at][0]
        key = _key(match[1], number)
        if key in found:
            raise Unreadable(number, f"{key} twice")
        if match[2]:
            value, at = Value(_scalar(match[2], number), number, number), at + 1
        else:
            value, at = _below(lines, at, own, number, depth)
        found[key] = Value(value.data, number, value.last)
        last = value.last
    return Value(found, first, last), at


def _below(lines: list[Line], at: int, own: int, number: int, depth: int) -> tuple[Value, int]:
    """What stands on the lines below a key or a dash; None when nothing does."""
    if at + 1 < len(lines):
        _, indent, text = lines[at + 1]
        listed = indent == own and (text + " ").startswith("- ")
        if (indent > own or listed) and not (listed and lines[at][2].startswith("-")):
            return _block(lines, at + 1, indent, depth + 1)
    return Value(None, number, number), at + 1


def _key(text: str, number: int) -> str:
    key = _scalar(text, number)
    if not isinstance(key, str):
        raise Unreadable(number, f"a key that is no text: {text}")
    return key


def _scalar(text: str, number: int) -> Any:
    if text[:1] in ("[", "{"):
        return _flow(text, number)
    if text[:1] in ("'", '"'):
        if len(text) < 2 or text[-1] != text[0] or text[0] in text[1:-1] or "\\" in text:
            raise Unreadable(number, "a text in quotes of this shape")
        return text[1:-1]
    if text[:1] in ("&", "*", "!", "|", ">", "%", "@", "`"):
        raise Unreadable(number, f"YAML's {text[0]}")
    words = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False,
             "null": None, "~": None}  # fmt: skip
    if text.lower() in words:
        return words[text.lower()]
    if re.fullmatch(r"[-+]?(0|[1-9]\d*)", text):
        return int(text)
    if re.fullmatch(r"[-+]?\d+\.\d+", text):
        return float(text)
    return text


def _flow(text: str, number: int) -> Any:
    close = {"[": "]", "{": "}"}[text[0]]
    inner = text[1:-1].strip()
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", inner)
    if text[-1] != close or any(sign in bare for sign in "[]{}"):
        raise Unreadable(number, "a list in a list on one line")
    parts = [part.strip() for part in re.findall(r"""(?:"[^"]*"|'[^']*'|[^,"'])+""", inner)]
    if text[0] == "[":
        return [Value(_scalar(part, number), number, number) for part in parts if part]
    found = {}
    for part in parts:
        match = _KEY.fullmatch(part)
        if match is None or not match[2]:
            raise Unreadable(number, "a mapping on one line of this shape")
        found[_key(match[1], number)] = Value(_scalar(match[2], number), number, number)
    return found
