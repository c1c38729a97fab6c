"""Command lines as argument lists: only those that a shell would not have changed."""

from __future__ import annotations

import re
import shlex

from . import ruby
from .express import express, joined
from .layout import Made, tuple_of
from .ruby import Node
from .tokens import Unreadable
from .values import Expr, Scope

_HELD = "\ue000"  # stands for an interpolation, with its number behind
_SHELLS = frozenset(
    "cd export source . ulimit umask set exec eval alias unset trap wait if for while until case "
    "command type read local function ! { time".split()
)
_SIGNS = re.compile(r"[|&;<>()$`\\\n*?\[\]{}]|(?:^|\s)[~#]")


def argv(node: Node, scope: Scope) -> Made:
    """A tuple of texts.  Raises ``Unreadable`` for what only a shell can do."""
    if isinstance(node, ruby.Array):
        return tuple_of([express(item, scope).text for item in node.items])
    if not isinstance(node, ruby.Text):
        made = express(node, scope)
        if not made.fixed or not isinstance(made.value, str):
            raise Unreadable(node.line, f"a command line that is computed: {made.text}")
        node = ruby.Text(node.line, node.last, (made.value,))
    values: list[Expr] = []
    text = ""
    for part in node.parts:
        if isinstance(part, str):
            text += part
        else:
            made = express(part, scope)
            if not isinstance(made.value, (str, int)) or _special(str(made.value)):
                raise Unreadable(node.line, f"a shell would divide {made.text}")
            text += f"{_HELD}{len(values)}{_HELD}"
            values.append(made)
    return tuple_of([_word(word, values, scope, node).text for word in _words(text.strip(), node)])


def _special(text: str) -> bool:
    return (
        not text
        or text != "".join(text.split())
        or bool(_SIGNS.search(text))
        or "'" in text
        or '"' in text
    )


def _words(text: str, node: Node) -> list[str]:
    unquoted = re.sub(r"'[^']*'|\"[^\"$`\\]*\"", "Q", text)
    sign = _SIGNS.search(unquoted)
    if sign:
        raise Unreadable(node.line, f"a shell line ({sign[0].strip() or 'several lines'})")
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise Unreadable(node.line, f"a shell line: {error}") from None
    if not words:
        raise Unreadable(node.line, "an empty command line")
    if words[0] in _SHELLS or re.match(r"\w+=", words[0]):
        raise Unreadable(node.line, f"a shell line ({words[0]})")
    return words


def _word(word: str, values: list[Expr], scope: Scope, node: Node) -> Expr:
    pieces = word.split(_HELD)
    parts: list[str | Expr] = []
    for number, piece in enumerate(pieces):
        if number % 2:
            parts.append(values[int(piece)])
        elif piece:
            parts.append(piece)
    return joined(parts or [""], scope, node)
