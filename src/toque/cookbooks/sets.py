"""What cookbooks set of the cookbooks that they include, as layers of attributes.

It is data of the cookbooks, known before any recipe runs, so that ``toque explain`` can tell it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import AskedWrongly, BadCookbook
from ..fleet.attribute_layer import AttributeLayer
from ..fleet.spot import Spot
from ..fleet.typed import check_some
from .cookbook import Cookbook, cookbook_of


def reached(roots: Sequence[Cookbook]) -> tuple[tuple[Cookbook, ...], ...]:
    """``roots``, then the cookbooks whose attributes they set, then those that these set ...

    Each cookbook once, where it is nearest to a root.
    """
    rows: list[tuple[Cookbook, ...]] = []
    row = tuple({cookbook.name: cookbook for cookbook in roots}.values())
    seen: set[str] = set()
    while row:
        rows.append(row)
        seen |= {cookbook.name for cookbook in row}
        below = (owner(cookbook, kind) for cookbook in row for kind in cookbook.sets)
        row = tuple({one.name: one for one in below if one.name not in seen}.values())
    return tuple(rows)


def layers_of(roots: Sequence[Cookbook]) -> tuple[AttributeLayer, ...]:
    """What ``roots`` and those they lead to set, weakest first: whoever includes, wins.

    Raises ``BadCookbook``: ``attributes-set-wrong`` for a key or value that does not fit,
    ``attributes-set-twice`` for two cookbooks side by side that do not agree.
    """
    layers: list[AttributeLayer] = []
    for row in reached(roots):
        row_layers = [_layer(cookbook) for cookbook in row if cookbook.sets]
        _agree(row_layers)
        layers[:0] = row_layers
    return tuple(layers)


def owner(cookbook: Cookbook, kind: type[Any]) -> Cookbook:
    """The cookbook whose attributes ``kind`` is, which ``cookbook`` sets."""
    found = cookbook_of(kind.__module__, kind)
    if found is None:
        raise BadCookbook(
            "attributes-without-cookbook",
            f"{cookbook.name} sets {kind.__name__}, which no cookbook has as its attributes",
            expected=f"Cookbook(..., attributes={kind.__name__}) where the class stands",
            found=f"none in {kind.__module__}",
            place=cookbook.place,
        )
    return found


def _layer(cookbook: Cookbook) -> AttributeLayer:
    file, _, line = cookbook.place.rpartition(":")
    spot = Spot(file, (), {(): int(line or 0)})
    tables = {}
    for kind, table in cookbook.sets.items():
        name = owner(cookbook, kind).name
        try:
            check_some(kind, table, spot / name)
        except AskedWrongly as error:
            wrong = error.trouble
            raise BadCookbook(
                "attributes-set-wrong",
                f"what {cookbook.name} sets does not fit {kind.__name__}: {wrong.message}",
                expected=wrong.expected,
                found=wrong.found,
                hint=wrong.hint,
                place=cookbook.place,
            ) from None
        tables[name] = table
    return AttributeLayer(f"cookbook {cookbook.name}", tables, spot)


def _agree(layers: Sequence[AttributeLayer]) -> None:
    first: dict[str, tuple[object, AttributeLayer]] = {}
    for layer in layers:
        for key, value in _leaves(layer.tables):
            before, other = first.setdefault(key, (value, layer))
            if before != value:
                raise BadCookbook(
                    "attributes-set-twice",
                    f"two cookbooks set {key} to different values",
                    expected=f"the same as at {other.spot}",
                    found=f"another one at {layer.spot}",
                    hint="set it in toque.toml, or have one of them include the other",
                    place=str(layer.spot),
                )


def _leaves(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
