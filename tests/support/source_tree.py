"""The text of ``src`` as syntax trees, for the tests that hold rules over all of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SRC = ROOT / "src" / "toque"


def modules(under: Path = SRC) -> Iterator[tuple[str, ast.Module]]:
    """Each module below ``under`` as its path from the root and its tree."""
    for path in sorted(under.rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(), str(path))


def called(node: ast.Call) -> str:
    """The last name of what is called: ``Failed`` also for ``errors.Failed(...)``."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def text_of(node: ast.expr | None) -> str | None:
    """The text of a plain string literal, else None."""
    literal = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if literal else None  # type: ignore[union-attr,return-value]
