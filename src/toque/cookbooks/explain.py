"""Where each attribute of a cookbook has its value from: every level that names it, with places.

The same tables and the same reader as in ``attributes.resolve``; nothing runs.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import Any

from ..fleet.attribute_layer import AttributeLayer
from ..fleet.spot import Spot
from ..fleet.typed import dataclass_in, mapping_in
from ..node.values import Secret
from .attributes import class_spot, resolve
from .cookbook import Cookbook
from .load import check_tables, find
from .sets import layers_of

DEFAULT = "default"


@dataclass(frozen=True)
class Level:
    """One level that names a key.  ``value`` is plain data, a secret is ``***``; ``place`` is
    ``file:line``, or words where there is no file."""

    name: str
    value: Any
    place: str
    wins: bool = False


@dataclass(frozen=True)
class Explained:
    """A dotted key, such as ``nginx.largest_body``, with its levels, weakest first."""

    key: str
    levels: tuple[Level, ...]

    @property
    def value(self) -> Any:
        return self.levels[-1].value


def explain_cookbook(
    name: str,
    around: Sequence[str],
    layers: Sequence[AttributeLayer],
    loaded: Mapping[str, Cookbook],
) -> tuple[Explained, ...]:
    """The attributes of a cookbook by name, where the cookbooks ``around`` set some as well."""
    every = (*layers_of([find(one, loaded) for one in around]), *layers)
    check_tables(every, loaded)
    kind = find(name, loaded).attributes
    return explain(kind, name, every) if kind else ()


def explain(
    kind: type[Any], cookbook: str, layers: Sequence[AttributeLayer]
) -> tuple[Explained, ...]:
    """Every attribute of ``cookbook``, whose attribute class is ``kind``, in the class's order.

    A mapping's entries and a nested dataclass's fields are keys of their own, as they are merged.
    Raises what ``resolve`` raises.
    """
    resolve(kind, cookbook, layers)
    named: dict[str, list[Level]] = {}
    for key, value, spot in _leaves(kind, _defaults(kind), class_spot(kind)):
        named.setdefault(f"{cookbook}.{key}", []).append(Level(DEFAULT, _plain(value), str(spot)))
    for layer in layers:
        table = layer.tables.get(cookbook, {})
        for key, value, spot in _leaves(kind, table, layer.spot / cookbook):
            level = Level(layer.name, _plain(value), str(spot))
            named.setdefault(f"{cookbook}.{key}", []).append(level)
    order = {field.name: at for at, field in enumerate(dataclasses.fields(kind))}
    keys = sorted(named, key=lambda key: (order[key.split(".")[1]], key))
    return tuple(Explained(key, _won(named[key])) for key in keys if not _empty(key, named))


def _won(levels: Sequence[Level]) -> tuple[Level, ...]:
    return (*levels[:-1], dataclasses.replace(levels[-1], wins=True))


def _empty(key: str, named: Mapping[str, Sequence[Level]]) -> bool:
    """A mapping that is empty at some level and has entries at others."""
    return named[key][-1].value == {} and any(k.startswith(f"{key}.") for k in named)


def _leaves(
    annotation: object, value: object, spot: Spot, path: str = ""
) -> Iterator[tuple[str, object, Spot]]:
    """Dotted key, value and place of everything that is not merged any further."""
    inner, pair = dataclass_in(annotation), mapping_in(annotation)
    if inner and dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping) and value and (inner or pair):
        hints = typing.get_type_hints(inner) if inner else {}
        for key, item in value.items():
            below = hints[key] if inner else pair[1] if pair else object
            dotted = f"{path}.{key}" if path else str(key)
            yield from _leaves(below, item, spot / str(key), dotted)
    elif path:
        yield path, value, spot


def _defaults(kind: type[Any]) -> dict[str, Any]:
    found = {}
    for field in dataclasses.fields(kind):
        if field.default is not MISSING:
            found[field.name] = field.default
        elif field.default_factory is not MISSING:
            found[field.name] = field.default_factory()
    return found


def _plain(value: object) -> Any:
    """A value as JSON has it; a secret is not shown."""
    if isinstance(value, Secret):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)
