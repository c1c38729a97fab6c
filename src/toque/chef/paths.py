"""Paths of attributes: names for Python, and values at them."""

from __future__ import annotations

import keyword
import re
from typing import Any

from .values import Path


def identifier(word: str) -> str:
    """A name for Python: ``my-key`` is ``my_key``."""
    name = re.sub(r"\W", "_", word, flags=re.ASCII)
    name = name if name and not name[0].isdigit() else f"_{name}"
    name = f"x{name}" if name.startswith("__") or name == "_" else name
    return f"{name}_" if keyword.iskeyword(name) or name in ("field",) else name


def put(found: dict[Path, Any], path: Path, rest: Path, value: Any) -> None:
    """Put a value into the mapping at ``path``; what is no mapping there is replaced."""
    at = dict(found[path]) if isinstance(found[path], dict) else {}
    found[path] = at
    for key in rest[:-1]:
        at[key] = dict(at[key]) if isinstance(at.get(key), dict) else {}
        at = at[key]
    at[rest[-1]] = value


def shown(path: Path) -> str:
    """As Chef writes it."""
    return "node" + "".join(f"['{key}']" for key in path)
