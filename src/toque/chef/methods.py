"""Methods of Ruby's texts, lists, hashes and numbers, by what they are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import ruby
from .ruby import Node
from .values import UNKNOWN, Expr, Scope, constant, no

_Made = tuple[str, Any, bool]  # text, value, whether it needs parentheses
_MANY = (str, tuple, dict)


def method(node: ruby.Call, target: Expr, arguments: Sequence[Expr], scope: Scope) -> Expr:
    """Raises ``Unreadable`` for a method that is not known of this value."""
    make = _ONE.get(node.name) if arguments else _NONE.get(node.name)
    made = None
    if make is not None and len(arguments) <= 1 and target.value is not UNKNOWN:
        made = make(target, arguments, scope.jinja)
    if made is None:
        raise no(node, f".{node.name} of {target.text}")
    text, value, loose = made
    fixed = target.fixed and all(one.fixed for one in arguments)
    return constant(value) if fixed else Expr(text, value, loose=loose)


def text_of_number(expr: Expr, scope: Scope, node: Node) -> Expr:
    """``to_s``"""
    if isinstance(expr.value, str):
        return expr
    if type(expr.value) in (int, float):
        name = f"{expr.inner} | string" if scope.jinja else f"str({expr.text})"
        return Expr(name, str(expr.value), loose=scope.jinja)
    raise no(node, f"to_s of {expr.text}")


def _nil(target: Expr, _: Sequence[Expr], jinja: bool) -> _Made:
    return f"{target.inner} is {'none' if jinja else 'None'}", target.value is None, True


def _empty(target: Expr, _: Sequence[Expr], jinja: bool) -> _Made | None:
    return (f"not {target.inner}", not target.value, True) if _is_many(target) else None


def _any(target: Expr, _: Sequence[Expr], jinja: bool) -> _Made | None:
    if not isinstance(target.value, (tuple, dict)):
        return None
    text = f"{target.inner} | length > 0" if jinja else f"len({target.text}) > 0"
    return text, bool(target.value), True


def _length(target: Expr, _: Sequence[Expr], jinja: bool) -> _Made | None:
    if not _is_many(target):
        return None
    text = f"{target.inner} | length" if jinja else f"len({target.text})"
    return text, len(target.value), jinja


def _is_many(target: Expr) -> bool:
    return isinstance(target.value, _MANY)


def _includes(target: Expr, arguments: Sequence[Expr], jinja: bool) -> _Made | None:
    one = arguments[0]
    if not _is_many(target) or not isinstance(one.value, str):
        return None
    return f"{one.inner} in {target.inner}", one.value in target.value, True


def _case(name: str) -> Callable[[Expr, Sequence[Expr], bool], _Made | None]:
    def make(target: Expr, _: Sequence[Expr], jinja: bool) -> _Made | None:
        if not isinstance(target.value, str):
            return None
        return f"{target.inner}.{name}()", getattr(target.value, name)(), False

    return make


def _join(target: Expr, arguments: Sequence[Expr], jinja: bool) -> _Made | None:
    by = arguments[0] if arguments else constant("")
    if not _are_texts(target) or not isinstance(by.value, str):
        return None
    text = f"{target.inner} | join({by.text})" if jinja else f"{by.inner}.join({target.text})"
    return text, by.value.join(target.value), jinja


def _are_texts(target: Expr) -> bool:
    many = target.value
    return isinstance(many, tuple) and all(isinstance(item, str) for item in many)


def _view(name: str) -> Callable[[Expr, Sequence[Expr], bool], _Made | None]:
    def make(target: Expr, _: Sequence[Expr], jinja: bool) -> _Made | None:
        if not isinstance(target.value, dict):
            return None
        text = f"{target.inner}.{name}()"
        return text if jinja else f"tuple({text})", tuple(getattr(target.value, name)()), False

    return make


def _sort(target: Expr, _: Sequence[Expr], jinja: bool) -> _Made | None:
    if jinja or not _are_texts(target):  # Jinja2's own takes no notice of case
        return None
    return f"tuple(sorted({target.text}))", tuple(sorted(target.value)), False


def _unique(target: Expr, _: Sequence[Expr], jinja: bool) -> _Made | None:
    if jinja or not _are_texts(target):
        return None
    return f"tuple(dict.fromkeys({target.text}))", tuple(dict.fromkeys(target.value)), False


def _number(word: str, kind: type) -> Callable[[Expr, Sequence[Expr], bool], _Made | None]:
    def make(target: Expr, _: Sequence[Expr], jinja: bool) -> _Made | None:
        if not isinstance(target.value, (str, int, float)) or isinstance(target.value, bool):
            return None
        try:
            value = kind(target.value)
        except (ValueError, OverflowError):
            return None
        text = f"{target.inner} | {word}" if jinja else f"{word}({target.text})"
        return text, value, jinja

    return make


_NONE: Mapping[str, Callable[[Expr, Sequence[Expr], bool], _Made | None]] = {
    "nil?": _nil,
    "empty?": _empty,
    "any?": _any,
    "length": _length,
    "size": _length,
    "downcase": _case("lower"),
    "upcase": _case("upper"),
    "strip": _case("strip"),
    "join": _join,
    "keys": _view("keys"),
    "values": _view("values"),
    "sort": _sort,
    "uniq": _unique,
    "to_i": _number("int", int),
    "to_f": _number("float", float),
}
_ONE: Mapping[str, Callable[[Expr, Sequence[Expr], bool], _Made | None]] = {
    "include?": _includes,
    "join": _join,
}
