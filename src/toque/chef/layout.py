"""Python source, laid out as the formatter of the project would: 100 columns, a trailing comma
where arguments stand one a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 100
_ESCAPED = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True)
class Made:
    """``opening`` with ``items`` and ``closing``: a call, a tuple, a dictionary.

    An item is text or another one; its name goes before it: ``mode=``.
    """

    opening: str
    items: tuple[tuple[str, Made | str], ...]
    closing: str = ")"

    @property
    def flat(self) -> str:
        items = ", ".join(f"{name}{text_of(item)}" for name, item in self.items)
        comma = "," if self.opening == "(" and len(self.items) == 1 else ""
        return f"{self.opening}{items}{comma}{self.closing}"


Doc = Made | str


def text_of(doc: Doc) -> str:
    return doc if isinstance(doc, str) else doc.flat


def call(name: str, /, *items: Doc, **named: Doc) -> Made:
    return Made(f"{name}(", (*(("", i) for i in items), *((f"{k}=", v) for k, v in named.items())))


def lines_of(doc: Doc, indent: int = 0, before: str = "", after: str = "") -> list[str]:
    """The lines of a document, ``before`` and ``after`` it what stands on the same line."""
    space = " " * indent
    one = f"{space}{before}{text_of(doc)}{after}"
    if isinstance(doc, str) or len(one) <= WIDTH or not doc.items:
        return [one]
    inside = ", ".join(f"{name}{text_of(item)}" for name, item in doc.items)
    if len(inside) + indent + 4 <= WIDTH and doc.opening not in ("(", "{", "["):
        body = [f"{space}    {inside}"]
    else:
        body = [line for name, item in doc.items for line in lines_of(item, indent + 4, name, ",")]
    return [f"{space}{before}{doc.opening}", *body, f"{space}{doc.closing}{after}"]


def quoted(text: str, *, double: bool = False) -> str:
    """A text as a Python literal; ``double`` quotes whatever is in it."""
    quote = '"' if double or text.count('"') <= text.count("'") else "'"
    return f"{quote}{escaped(text, quote)}{quote}"


def escaped(text: str, quote: str) -> str:
    return "".join(
        f"\\{c}" if c == quote
        else _ESCAPED.get(c) or (c if c.isprintable() else c.encode("unicode_escape").decode())
        for c in text
    )  # fmt: skip


def visible(text: str) -> str:
    """A text for a comment: nothing in it ends the line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def docstring(text: str) -> str:
    return visible(text).replace("\\", "/").replace('"', "'")


def tuple_of(items: Sequence[Doc]) -> Made:
    return Made("(", tuple(("", item) for item in items))


def literal(value: object) -> Doc:
    """A plain value; lists are tuples."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict):
        pairs = tuple((f"{quoted(str(k))}: ", literal(v)) for k, v in value.items())
        return Made("{", pairs, "}")
    if isinstance(value, (tuple, list)):
        return tuple_of([literal(item) for item in value])
    return repr(value)
