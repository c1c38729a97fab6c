"""What is known of an expression: its text in Python or Jinja2, and a value.

A value is known from literals and from the defaults of attributes, which have the type that every
layer above them must have, too.  Only ``fixed`` ones are the same on every machine.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .layout import literal, text_of
from .ruby import Node
from .tokens import Unreadable


class _Unset:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unset()
Path = tuple[str, ...]
_TEMPLATES = frozenset("node facts template self loop true false none".split())
_NAMES = frozenset("r a str len tuple int float sorted dict basename dirname normpath".split())


@dataclass(frozen=True)
class Expr:
    """``text`` in the language that is written; ``value``, or ``UNKNOWN``.  A ``loose`` one needs
    parentheses inside another."""

    text: str
    value: Any = UNKNOWN
    fixed: bool = False
    loose: bool = False

    @property
    def inner(self) -> str:
        return f"({self.text})" if self.loose else self.text


@dataclass(frozen=True)
class Scope:
    """Where names have their values from: ``attribute`` reads ``node[...]``, ``names`` are local
    variables, ``instances`` those with an @."""

    attribute: Callable[[Path, int], Expr]
    names: Mapping[str, Expr] = field(default_factory=dict)
    instances: Mapping[str, Expr] | None = None
    jinja: bool = False

    def with_names(self, more: Mapping[str, Expr]) -> Scope:
        return replace(self, names={**self.names, **more})


def is_free(name: str) -> bool:
    """Whether a template may have a variable of that name, and a recipe pass it."""
    return (
        name.isascii()
        and name.isidentifier()
        and not (keyword.iskeyword(name) or name in _TEMPLATES)
    )


def local_name(word: str) -> str:
    """A variable's name in Python: no keyword, and nothing that a module imports or defines."""
    plain_word = word.rstrip("?!")
    return f"{plain_word}_" if keyword.iskeyword(plain_word) or plain_word in _NAMES else plain_word


def constant(value: object) -> Expr:
    """A literal."""
    return Expr(text_of(literal(value)), value, fixed=True)


def no(node: Node, what: str) -> Unreadable:
    """The error for what has no counterpart."""
    return Unreadable(node.line, f"no counterpart for {what}")
