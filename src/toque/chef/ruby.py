"""The nodes of Ruby code, as far as cookbooks use it.  Each knows the lines that it stands on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    line: int
    last: int


@dataclass(frozen=True)
class Text(Node):
    """A string; its parts are texts and the nodes of interpolations."""

    parts: tuple[str | Node, ...]

    @property
    def plain(self) -> str | None:
        """The text when nothing is interpolated."""
        known = [part for part in self.parts if isinstance(part, str)]
        return "".join(known) if len(known) == len(self.parts) else None


@dataclass(frozen=True)
class Symbol(Node):
    name: str


@dataclass(frozen=True)
class Literal(Node):
    """A number, true, false or nil; ``text`` is how it was written."""

    value: int | float | bool | None
    text: str


@dataclass(frozen=True)
class Array(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Hash(Node):
    pairs: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True)
class Const(Node):
    """``Chef::Config``, without a leading ``::``."""

    name: str


@dataclass(frozen=True)
class Instance(Node):
    """``@name``"""

    name: str


@dataclass(frozen=True)
class Index(Node):
    target: Node
    key: Node


@dataclass(frozen=True)
class Block(Node):
    parameters: tuple[str, ...]
    body: tuple[Node, ...]


@dataclass(frozen=True)
class Call(Node):
    """A call of a method, or a local variable, which looks the same (no target, no arguments)."""

    target: Node | None
    name: str
    arguments: tuple[Node, ...] = ()
    block: Block | None = None

    @property
    def bare(self) -> bool:
        return self.target is None and not self.arguments and self.block is None


@dataclass(frozen=True)
class Operation(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Negation(Node):
    operand: Node


@dataclass(frozen=True)
class Choice(Node):
    """if, unless, elsif, ``?:``; ``branches`` are conditions and their bodies."""

    branches: tuple[tuple[Node, tuple[Node, ...]], ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True)
class Case(Node):
    subject: Node
    branches: tuple[tuple[tuple[Node, ...], tuple[Node, ...]], ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True)
class Assignment(Node):
    """``operator`` is = or ||= and its like."""

    target: Node
    operator: str
    value: Node


@dataclass(frozen=True)
class Unknown(Node):
    """Lines that were not understood, and why."""

    reason: str


def walk(node: object) -> Iterator[Node]:
    """A node and all below it."""
    if isinstance(node, Node):
        yield node
        for name in node.__dataclass_fields__:
            yield from walk(getattr(node, name))
    elif isinstance(node, tuple):
        for item in node:
            yield from walk(item)
    elif isinstance(node, Block):
        yield from walk(node.body)


def spoken(node: object) -> str:
    """A name as its words, the same for the same code on any line: to find it again."""
    if isinstance(node, Text):
        return "".join(
            part if isinstance(part, str) else f"#{{{_code(part)}}}" for part in node.parts
        )
    return node.name if isinstance(node, Symbol) else f"#{{{_code(node)}}}"


def _code(node: object) -> str:
    if isinstance(node, (Text, Symbol)):
        return repr(spoken(node))
    if isinstance(node, Node):
        names = [name for name in node.__dataclass_fields__ if name not in ("line", "last")]
        return f"{type(node).__name__}({', '.join(_code(getattr(node, n)) for n in names)})"
    return f"({', '.join(map(_code, node))})" if isinstance(node, tuple) else repr(node)
