"""A cookbook's attributes: defaults, then the layers of the stack, the node and the run."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import typing
from collections.abc import MutableMapping, Sequence
from dataclasses import MISSING
from typing import Any, TypeVar

from ..errors import AskedWrongly, BadCookbook
from ..fleet.attribute_layer import AttributeLayer
from ..fleet.spot import Spot
from ..fleet.typed import Mismatch, check, read, shown
from .place import place_in_file

T = TypeVar("T")


def resolve(
    kind: type[T],
    cookbook: str,
    layers: Sequence[AttributeLayer],
    *,
    origins: MutableMapping[str, str] | None = None,
) -> T:
    """The attributes of ``cookbook``; the last layer that names a field wins.

    ``origins`` receives, per dotted field, the file and line its value came from, or ``default``.
    Raises ``BadCookbook`` for a wrong default, ``AskedWrongly`` for a wrong layer.
    """
    _defaults_fit(kind, cookbook)
    sources = []
    for layer in layers:
        table = layer.tables.get(cookbook)
        if table is None:
            continue
        spot = layer.spot / cookbook
        if not hasattr(table, "keys"):
            raise AskedWrongly(
                "wrong-type",
                f"{spot.name} has a value of another type",
                expected="a table",
                found=shown(table),
                place=str(spot),
            )
        sources.append((table, spot))
    where = sources[-1][1] if sources else Spot("toque.toml", ("stack", "attributes", cookbook))
    return read(kind, sources, at=where, origins=origins)


def _defaults_fit(kind: type[Any], cookbook: str) -> None:
    try:
        hints = typing.get_type_hints(kind)
    except NameError as error:
        raise BadCookbook(
            "attribute-default",
            f"the attributes {kind.__name__} of {cookbook} name a type that is not known",
            expected="types that can be imported where the class stands",
            found=str(error),
            place=str(class_spot(kind)),
        ) from error
    for field in dataclasses.fields(kind):
        if field.default is MISSING:
            continue
        try:
            check(hints[field.name], field.default, Spot(kind.__name__, (field.name,)))
        except Mismatch as error:
            raise BadCookbook(
                "attribute-default",
                f"the default of {kind.__name__}.{field.name} does not fit its own type",
                expected=error.expected,
                found=shown(error.found),
                place=str(class_spot(kind) / field.name),
            ) from None


def class_spot(kind: type[Any]) -> Spot:
    """Where the class stands, with the line of each of its fields."""
    try:
        file = inspect.getsourcefile(kind) or ""
        source, first = inspect.getsourcelines(kind)
        tree = ast.parse(inspect.cleandoc("\n" + "".join(source)))
    except (OSError, TypeError, SyntaxError):
        return Spot(f"{kind.__module__}, class {kind.__name__}")
    lines: dict[tuple[str, ...], int] = {(): first}
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            lines[(node.target.id,)] = first + node.lineno - 1
    return Spot(place_in_file(file, first).rpartition(":")[0], (), lines)
