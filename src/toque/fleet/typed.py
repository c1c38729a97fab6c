"""Plain TOML tables become frozen dataclasses, checked against their annotations.

Several tables may give one value: the last that names a field wins.  Nested dataclasses are merged
field by field and mappings key by key, over the default too; a list is replaced as a whole.
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

    def explained(self) -> AskedWrongly:
        return AskedWrongly(
            "wrong-type",
            f"{self.spot.name} has a value of another type",
            expected=self.expected,
            found=shown(self.found),
            place=str(self.spot),
        )


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
        raise error.explained() from None


def check_some(kind: type[Any], table: Table, spot: Spot) -> None:
    """Whether ``table`` fits ``kind`` as far as it goes: fields may be missing.

    Raises ``AskedWrongly``: ``unknown-key``, ``wrong-type``.
    """
    hints = typing.get_type_hints(kind)
    _known(table, [f.name for f in dataclasses.fields(kind) if f.init], spot)
    for key, value in table.items():
        inner = dataclass_in(hints[key])
        if inner and isinstance(value, Mapping):
            check_some(inner, value, spot / key)
            continue
        try:
            check(hints[key], value, spot / key)
        except Mismatch as error:
            raise error.explained() from None


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
    base: T | None = None,
) -> T:
    """``base`` has the values of fields that no source names, instead of the class's defaults."""
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}  # type: ignore[arg-type]
    open_fields = [name for name in fields if name not in given]
    for table, spot in sources:
        _known(table, open_fields, spot)
    values: dict[str, Any] = dict(given)
    for name in open_fields:
        named = [(table[name], spot / name) for table, spot in sources if name in table]
        field = fields[name]
        default = _default(field, base)
        if named:
            values[name] = _merged(hints[name], named, default, origins, (*path, name))
        elif default is MISSING:
            raise AskedWrongly(
                "key-missing",
                f"[{at.name}] needs '{name}'",
                expected=f"{name} = {expectation(hints[name])}",
                found="no such key",
                place=str(at),
            )
        else:
            values[name] = default
            origins[".".join((*path, name))] = "default"
    return kind(**values)


def _known(table: Table, fields: Sequence[str], spot: Spot) -> None:
    for key in table:
        if key not in fields:
            raise AskedWrongly(
                "unknown-key",
                f"there is no key '{key}' in [{spot.name}]",
                expected=f"one of {', '.join(sorted(fields))}",
                found=key,
                hint=nearest(key, fields),
                place=str(spot / key),
            )


def _default(field: dataclasses.Field[Any], base: object | None) -> Any:
    if base is not None:
        return getattr(base, field.name)
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def _merged(
    annotation: object,
    named: Sequence[tuple[Any, Spot]],
    default: Any,
    origins: MutableMapping[str, str],
    path: tuple[str, ...],
) -> Any:
    """The value that ``named`` ones, weakest first, make of ``default`` (or of ``MISSING``)."""
    if all(isinstance(value, Mapping) for value, _ in named):
        inner = dataclass_in(annotation)
        if inner:
            base = default if isinstance(default, inner) else None
            spot = named[-1][1]
            return _build(inner, named, spot, given={}, origins=origins, path=path, base=base)
        pair = mapping_in(annotation)
        if pair:
            merged = dict(default) if isinstance(default, Mapping) else {}
            for key in dict.fromkeys(key for table, _ in named for key in table):
                values = [(table[key], spot / str(key)) for table, spot in named if key in table]
                name = _convert(pair[0], key, values[-1][1], origins, path)
                before = merged.get(name, MISSING)
                merged[name] = _merged(pair[1], values, before, origins, (*path, str(key)))
            if not merged:
                origins[".".join(path)] = str(named[-1][1])
            return merged
    for value, spot in named[:-1]:  # one that does not count has to be right all the same
        _convert(annotation, value, spot, {}, path)
    value, spot = named[-1]
    origins[".".join(path)] = str(spot)
    return _convert(annotation, value, spot, origins, path)


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


def dataclass_in(annotation: object) -> Any:
    """The dataclass that ``annotation`` (or ``Optional`` of it) names, or None."""
    for option in _options(annotation):
        if isinstance(option, type) and dataclasses.is_dataclass(option):
            return option
    return None


def mapping_in(annotation: object) -> tuple[object, object] | None:
    """The types of keys and items of the mapping that ``annotation`` names, or None."""
    for option in _options(annotation):
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) == 2:
            return arguments[0], arguments[1]
    return None


def _options(annotation: object) -> tuple[object, ...]:
    """The types of a union, or the one that is none."""
    if typing.get_origin(annotation) in (Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


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
