"""One module of Python as text and tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

DEEPEST = 300  # levels of a syntax tree, whose readers call themselves


@dataclass(frozen=True)
class Module:
    """``name`` is as it is imported, ``path`` from the folder of the project."""

    name: str
    path: str
    text: str
    tree: ast.Module = field(repr=False, compare=False)

    @property
    def package(self) -> str:
        """What ``from . import x`` means."""
        return self.name if self.path.endswith("__init__.py") else self.name.rpartition(".")[0]

    @cached_property
    def statements(self) -> tuple[tuple[int, int], ...]:
        """First and last lines of statements that hold no other ones."""
        plain = (n for n in ast.walk(self.tree) if isinstance(n, ast.stmt))
        simple = (n for n in plain if not getattr(n, "body", None))
        return tuple((n.lineno, n.end_lineno or n.lineno) for n in simple)

    def statement(self, line: int) -> tuple[int, int]:
        """The lines of the statement that ``line`` is in."""
        around = (lines for lines in self.statements if lines[0] <= line <= lines[1])
        return next(around, (line, line))

    def absolute(self, node: ast.ImportFrom) -> str:
        """The module that ``from x import y`` names."""
        if not node.level:
            return node.module or ""
        parts = self.package.split(".")
        base = parts[: len(parts) - node.level + 1]
        return ".".join([*base, node.module] if node.module else base)

    def outer(self, line: int) -> tuple[int, int]:
        """The lines of the outermost definition or statement that ``line`` is in."""
        around = ((n.lineno, n.end_lineno or n.lineno) for n in self.tree.body)
        return next((lines for lines in around if lines[0] <= line <= lines[1]), (line, line))

    @cached_property
    def bindings(self) -> Mapping[str, ast.AST]:
        """What a name of the module stands for: a definition, an assignment or an import.

        Imports inside functions count as well, after all others.
        """
        found: dict[str, ast.AST] = {}
        for node in _top(self.tree.body):
            for name in _bound(node):
                found[name] = node
        for below in ast.walk(self.tree):
            if isinstance(below, (ast.Import, ast.ImportFrom)):
                for name in _bound(below):
                    found.setdefault(name, below)
        return found


def parse(name: str, path: str, text: str) -> Module:
    """Raises ``SyntaxError``, also for what is nested deeper than anybody writes."""
    try:
        tree = ast.parse(text, path)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error) or "it is nested too deep") from error
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST):
        level = [below for node in level for below in ast.iter_child_nodes(node)]
    if level:
        raise SyntaxError("it is nested too deep")
    return Module(name, path, text, tree)


def _top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With, ast.For, ast.While)):
            for part in ("body", "orelse", "finalbody"):
                yield from _top(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                yield from _top(handler.body)


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0]
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign)) and isinstance(node.target, ast.Name):
        yield node.target.id
    elif isinstance(node, ast.For):
        yield from (n.id for n in ast.walk(node.target) if isinstance(n, ast.Name))


def called(node: ast.Call) -> str:
    """The last name of what is called."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def text_of(node: ast.AST | None) -> str | None:
    """The text of a plain literal, else None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def argument(node: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    """What a call gives for a parameter."""
    for keyword in node.keywords:
        if keyword.arg == name:
            return keyword.value
    if position is not None and position < len(node.args):
        before = node.args[: position + 1]
        return None if any(isinstance(one, ast.Starred) for one in before) else before[-1]
    return None
