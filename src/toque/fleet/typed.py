"""Plain TOML tables become frozen dataclasses, checked against their annotations.

Several tables may give one value: the last that names a field wins, and nested dataclasses are
merged field by field.  A mapping or a list is replaced as a whole.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import MISSING
from typing import Any, Literal, TypeVar, Union

from ..errors import AskedWrongly, nearest
from .spot import Spot

T = TypeVar("T")
Table = Mapping[str, Any]
Source = tuple[Table, Spot]


class Mismatch(Exception):
    """A value of another type than its annotation says; caught in this file and attributes.py."""

    def __init__(self, spot: Spot, expected: str, found: object) -> None:
        super().__init__(f"{spot.name}: expected {expected}, found {shown(found)}")
        self.spot = spot
        self.expected = expected
        self.found = found


def read(
    kind: type[T],
    sources: Sequence[Source],
    *,
    at: Spot,
    given: Mapping[str, object] | None = None,
    origins: MutableMapping[str, str] | None = None,
) -> T:
    """A ``kind`` from ``sources``, weakest first; ``given`` fields are not read from tables.

    ``at`` is where a missing key should be written.  ``origins`` receives, per dotted field, where
    its value came from.  Raises ``AskedWrongly``: ``unknown-key``, ``key-missing``, ``wrong-type``.
    """
    try:
        return _build(
            kind, sources, at, given=given or {}, origins={} if origins is None else origins
        )
    except Mismatch as error:
        raise AskedWrongly(
            "wrong-type",
            f"{error.spot.name} has a value of another type",
            expected=error.expected,
            found=shown(error.found),
            place=str(error.spot),
        ) from None


def check(annotation: object, value: object, spot: Spot) -> object:
    """``value`` as ``annotation`` wants it (lists become tuples).  Raises ``Mismatch``."""
    return _convert(annotation, value, spot, {}, ())


def shown(value: object) -> str:
    """A value as a person wrote it, with its type, cut short."""
    words = {True: "true", False: "false"}
    text = words[value] if isinstance(value, bool) else repr(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"{text} ({_word(type(value))})"


def _build(
    kind: type[T],
    sources: Sequence[Source],
    at: Spot,
    *,
    given: Mapping[str, object],
    origins: MutableMapping[str, str],
    path: tuple[str, ...] = (),
) -> T:
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}  # type: ignore[arg-type]
    open_fields = [name for name in fields if name not in given]
    for table, spot in sources:
        for key in table:
            if key not in open_fields:
                raise AskedWrongly(
                    "unknown-key",
                    f"there is no key '{key}' in [{spot.name}]",
                    expected=f"one of {', '.join(sorted(open_fields))}",
                    found=key,
                    hint=nearest(key, open_fields),
                    place=str(spot / key),
                )
    values: dict[str, Any] = dict(given)
    for name in open_fields:
        named = [(table[name], spot / name) for table, spot in sources if name in table]
        field = fields[name]
        inner = _dataclass_in(hints[name])
        dotted = ".".join((*path, name))
        if named and inner and all(isinstance(value, Mapping) for value, _ in named):
            values[name] = _build(
                inner, named, named[-1][1], given={}, origins=origins, path=(*path, name)
            )
        elif named:
            value, spot = named[-1]
            values[name] = _convert(hints[name], value, spot, origins, (*path, name))
            origins[dotted] = str(spot)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise AskedWrongly(
                "key-missing",
                f"[{at.name}] needs '{name}'",
                expected=f"{name} = {expectation(hints[name])}",
                found="no such key",
                place=str(at),
            )
        else:
            origins[dotted] = "default"
    return kind(**values)


def _convert(
    annotation: object,
    value: Any,
    spot: Spot,
    origins: MutableMapping[str, str],
    path: tuple[str, ...],
) -> Any:
    def inner(annotation: object, value: Any, spot: Spot = spot) -> Any:
        return _convert(annotation, value, spot, origins, path)

    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    wrong = Mismatch(spot, expectation(annotation), value)
    if annotation is Any or annotation is object:
        return value
    if origin in (Union, types.UnionType):
        return _first_fitting(arguments, value, inner, wrong)
    if origin is Literal:
        # True == 1, so the type is compared too.
        if not any(type(value) is type(option) and value == option for option in arguments):
            raise wrong
        return value
    if origin is tuple:
        return _tuple(arguments, value, inner, wrong)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise wrong
        key_type, item_type = arguments
        return {
            inner(key_type, key): inner(item_type, item, spot / str(key))
            for key, item in value.items()
        }
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        if isinstance(value, Mapping):
            return _build(annotation, [(value, spot)], spot, given={}, origins=origins, path=path)
        if not isinstance(value, annotation):
            raise wrong
        return value
    return _plain(annotation, value, wrong)


def _first_fitting(
    options: Sequence[object],
    value: Any,
    convert: Callable[[object, Any], Any],
    wrong: Mismatch,
) -> Any:
    for option in options:
        try:
            return convert(option, value)
        except Mismatch:
            continue
    raise wrong


def _tuple(
    kinds: Sequence[object],
    value: Any,
    convert: Callable[[object, Any], Any],
    wrong: Mismatch,
) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise wrong
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = [kinds[0]] * len(value)
    if len(kinds) != len(value):
        raise wrong
    return tuple(convert(kind, item) for kind, item in zip(kinds, value))


def _plain(annotation: object, value: Any, wrong: Mismatch) -> Any:
    if annotation is None or annotation is type(None):
        fits = value is None
    elif annotation is float and type(value) is int:
        return float(value)
    elif annotation in (str, int, float, bool, bytes):
        # bool is an int to Python, but not to whoever wrote "true" for a number.
        fits = type(value) is annotation
    elif isinstance(annotation, type):
        fits = isinstance(value, annotation)
    else:
        fits = True  # an annotation that this file does not know is the type checker's business
    if not fits:
        raise wrong
    return value


def _dataclass_in(annotation: object) -> Any:
    """The dataclass that ``annotation`` (or ``Optional`` of it) names, or None."""
    for option in (annotation, *typing.get_args(annotation)):
        known = isinstance(option, type) and dataclasses.is_dataclass(option)
        optional = typing.get_origin(annotation) in (Union, types.UnionType)
        if known and (option is annotation or optional):
            return option
    return None


def expectation(annotation: object) -> str:
    """An annotation in words: ``a list of texts``."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(expectation(a) for a in arguments if a is not type(None))
    if origin is Literal:
        return "one of " + ", ".join(repr(a) for a in arguments)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return f"a list of {expectation(arguments[0])}"
    if origin is tuple:
        return f"a list of exactly {len(arguments)} values"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a table of {expectation(arguments[1])}"
    return _word(annotation) if isinstance(annotation, type) else str(annotation)


def _word(kind: type) -> str:
    words = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    if kind in words:
        return words[kind]
    if kind in (list, tuple):
        return "a list"
    return "a table" if kind is dict or dataclasses.is_dataclass(kind) else kind.__name__
