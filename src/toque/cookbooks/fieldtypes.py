"""Whether the fields of a resource hold values of the types that they declare.

Python does not ask: ``groups="adm"`` would be three groups, and ``content=3`` three zero bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from ..node.resource import Resource


def misfits(resource: Resource) -> dict[str, str]:
    """Fields whose value is of none of their types, with these in words; items are not looked at.

    A list does for a tuple, and a whole number for a ``float``.
    """
    kinds = _kinds(type(resource))
    return {
        name: " or ".join(kind.__name__ for kind in allowed if kind is not type(None))
        for name, allowed in kinds.items()
        if type(value := getattr(resource, name)) not in allowed and not _fits(value, allowed)
    }


def unwritable(resource: Resource) -> list[str]:
    """Fields with a text in them that no file can hold: one with half of a surrogate pair."""
    return [name for name, value in vars(resource).items() if not _writable(value)]


def _writable(value: object) -> bool:
    if isinstance(value, str):
        if value.isascii():
            return True
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
    elif isinstance(value, Mapping):
        return all(_writable(key) and _writable(item) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        return all(map(_writable, value))
    return True


def _fits(value: object, allowed: tuple[type, ...]) -> bool:
    if isinstance(value, (str, bytes)):  # they are sequences, too
        return isinstance(value, tuple(kind for kind in allowed if kind is not Sequence))
    if isinstance(value, list) and tuple in allowed:
        return True
    return isinstance(value, (int, *allowed) if float in allowed else allowed)


@cache
def _kinds(resource: type[Resource]) -> Mapping[str, tuple[type, ...]]:
    """The classes that each field takes; fields that take anything are left out."""
    hints: dict[str, Any]
    try:
        hints = get_type_hints(resource)
    except NameError:  # a cookbook's own type that names what only type checkers import
        return {}
    found = {}
    for field in fields(resource):
        hint = hints[field.name]
        options = get_args(hint) if get_origin(hint) is Union else (hint,)
        kinds = tuple(get_origin(option) or option for option in options)
        plain = all(isinstance(kind, type) for kind in kinds)  # from 3.11 on Any is one, too
        if plain and not {object, Any} & set(kinds):
            found[field.name] = kinds
    return found
