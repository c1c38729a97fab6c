"""The dataclasses for a cookbook's attributes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .attributes import Values
from .layout import Doc, Made, call, docstring, lines_of, literal, text_of
from .paths import identifier, put
from .values import Path


@dataclass(frozen=True)
class Shape:
    """The dataclasses of a cookbook's attributes.

    ``leaves`` are values by path; a path that is read as a whole is one, a mapping.  ``names`` are
    fields by path.  With ``flat``, the first key is left out of all: it is the only one.
    """

    kind: str
    leaves: Mapping[Path, Any]
    names: Mapping[Path, str]
    flat: bool

    def read(self, path: Path) -> tuple[str, Any] | None:
        """``x.y["z"]`` for a path, and its default; None when it has no value."""
        for end in range(1, len(path) + 1):
            if path[:end] in self.leaves:
                start = 2 if self.flat else 1
                text = ".".join(self.names[path[:n]] for n in range(start, end + 1))
                value = self.leaves[path[:end]]
                for key in path[end:]:
                    if not isinstance(value, dict) or key not in value:
                        return None
                    value = value[key]
                    text += f"[{text_of(literal(key))}]"
                return text, value
        return None


def class_name(word: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", word)) or "X"


def shape(cookbook: str, values: Values, whole: Iterable[Path]) -> Shape:
    """``whole`` are paths that code reads as a mapping."""
    leaves: dict[Path, Any] = {}
    tops = sorted(set(whole), key=len)
    for path, value in values.leaves().items():
        top = next((t for t in tops if len(t) < len(path) and path[: len(t)] == t), None)
        if top is None:
            leaves[path] = value
        else:
            leaves.setdefault(top, {})
            put(leaves, top, path[len(top) :], value)
    names: dict[Path, str] = {}
    taken: dict[tuple[Path, str], Path] = {}
    for path in leaves:
        for end in range(1, len(path) + 1):
            name = identifier(path[end - 1])
            while taken.setdefault((path[: end - 1], name), path[:end]) != path[:end]:
                name += "_"
            names[path[:end]] = name
    first = {path[0] for path in leaves}
    flat = len(first) == 1 and all(len(path) > 1 for path in leaves)
    kind = class_name(cookbook)
    return Shape(kind if kind[0].isalpha() else f"X{kind}", leaves, names, flat)


def annotation(value: Any) -> str:
    if value is None:
        return "str | None"
    if isinstance(value, tuple):
        kinds = {annotation(item) for item in value} or {"str"}
        return f"tuple[{kinds.pop() if len(kinds) == 1 else 'Any'}, ...]"
    if isinstance(value, dict):
        kinds = {annotation(item) for item in value.values()} or {"Any"}
        return f"Mapping[str, {kinds.pop() if len(kinds) == 1 else 'Any'}]"
    return type(value).__name__


def source(shape: Shape, cookbook: str) -> str:
    """attributes.py"""
    classes: list[str] = []
    _class(shape, shape.kind, _root(shape), classes)
    body = "\n\n\n".join(classes)
    fields = ", field" if "= field(" in body else ""
    imports = ["from dataclasses import dataclass" + fields]
    if "Mapping[" in body:
        imports.insert(0, "from collections.abc import Mapping")
    if "Any" in body and re.search(r"\bAny\b", body):
        imports.append("from typing import Any")
    cookbook = docstring(cookbook)
    chef = f"node['{next(iter(shape.leaves))[0]}']" if shape.flat else "node"
    chef = docstring(chef)
    head = f'"""The attributes of {cookbook}; {chef} of Chef is a in recipes, node in templates."""'
    return "\n".join([head, "", *imports, "", "", body, ""])


def _root(shape: Shape) -> Path:
    return next(iter(shape.leaves))[:1] if shape.flat else ()


def _class(shape: Shape, kind: str, at: Path, classes: list[str]) -> None:
    lines = ["@dataclass(frozen=True)", f"class {kind}:"]
    keys = dict.fromkeys(path[: len(at) + 1] for path in shape.leaves if path[: len(at)] == at)
    for path in keys:
        name = shape.names[path]
        if path not in shape.leaves:
            inner = f"{kind}{class_name(path[-1])}"
            _class(shape, inner, path, classes)
            lines += lines_of(call("field", default_factory=inner), 4, f"{name}: {inner} = ")
            continue
        value = shape.leaves[path]
        default: Doc = literal(value)
        if isinstance(value, dict):
            default = Made("field(", (("default_factory=lambda: ", default),))
        lines += lines_of(default, 4, f"{name}: {annotation(value)} = ")
    classes.append("\n".join(lines))
