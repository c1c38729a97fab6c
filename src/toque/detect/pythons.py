"""The Python that a project wants, and whether a node's will do."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from .found import Python, Reason
from .tree import Tree, text

_VERSION = re.compile(r"3(?:\.\d{1,2}){1,2}")
_CLAUSE = re.compile(r"(>=|<=|==|!=|~=|\^|~|>|<|=)?\s*(3(?:\.\d+)*|4(?:\.\d+)*)(\.\*)?")


def find_python(tree: Tree) -> Python | None:
    """What the project says of its Python.

    An exact version in ``.python-version`` or ``runtime.txt`` is for the author's own machine; the
    range in ``requires-python`` is what the code needs.
    """
    exact, why = _exact(tree)
    allowed, where = _range(tree)
    if not exact and not allowed:
        return None
    return Python(exact, allowed, why if exact else where)


def suits(version: str, python: Python) -> bool:
    """Whether a node's ``version`` (``3.11.2``) is in the range.  Ranges as PEP 440 and Poetry."""
    return all(_fits(_parts(version), clause) for clause in _clauses(python.range))


def _exact(tree: Tree) -> tuple[str, Reason]:
    for path, start in ((".python-version", ""), ("runtime.txt", "python-")):
        for number, line in enumerate((text(tree, path) or "").splitlines(), start=1):
            word = (
                line.strip().removeprefix(start).removeprefix("cpython-").removeprefix("cpython@")
            )
            if _VERSION.fullmatch(word):
                return word, Reason(f"says {word}", path, number)
    pipfile = text(tree, "Pipfile.lock")
    if pipfile:
        try:
            asked = json.loads(pipfile)["_meta"]["requires"].get("python_version", "")
        except (ValueError, KeyError, TypeError, AttributeError):
            asked = ""
        if _VERSION.fullmatch(str(asked)):
            return str(asked), Reason(f"says {asked}", "Pipfile.lock")
    return "", Reason("")


def _range(tree: Tree) -> tuple[str, Reason]:
    source = text(tree, "pyproject.toml")
    if source is None:
        return "", Reason("")
    try:
        table: dict[str, Any] = tomllib.loads(source)
    except tomllib.TOMLDecodeError:
        return "", Reason("")
    found = table.get("project", {}).get("requires-python", "")
    key = "requires-python"
    if not found:
        found = table.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python", "")
        key = "python"
    if not isinstance(found, str) or not found:
        return "", Reason("")
    lines = source.splitlines()
    number = next((n for n, line in enumerate(lines, 1) if line.lstrip().startswith(key)), 0)
    return found, Reason(f"allows {found}", "pyproject.toml", number)


def _clauses(allowed: str) -> list[tuple[str, tuple[int, ...]]]:
    found = []
    for part in allowed.split("||", maxsplit=1)[0].split(","):
        match = _CLAUSE.fullmatch(part.strip())
        if match:
            sign = match.group(1) or "=="
            found.append((sign, _parts(match.group(2))))
    return found


def _fits(version: tuple[int, ...], clause: tuple[str, tuple[int, ...]]) -> bool:
    sign, wanted = clause
    same = version[: len(wanted)]
    if sign == "^":  # Poetry: anything below the next major version
        return version >= wanted and version[0] == wanted[0]
    if sign in ("~", "~="):
        fixed = wanted[:2] if sign == "~" else wanted[:-1]
        return version >= wanted and version[: len(fixed)] == fixed
    if sign in ("==", "="):
        return same == wanted
    if sign == "!=":
        return same != wanted
    if sign == ">=":
        return same >= wanted
    if sign == "<=":
        return same <= wanted
    return same > wanted if sign == ">" else same < wanted


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
