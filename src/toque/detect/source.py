"""The project's Python, parsed once: modules, what they import, and simple values in them."""

from __future__ import annotations

import ast
import posixpath
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .tree import Tree, text, worth_reading

MOST = 2000  # modules; what comes after is not looked at
DEEPEST = 6  # folders


@dataclass(frozen=True)
class Module:
    """``names`` maps what the module imports to its origin: ``{"Flask": "flask.Flask"}``."""

    path: str
    body: ast.Module
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        return posixpath.basename(self.path).removesuffix(".py")

    @property
    def folder(self) -> str:
        return posixpath.dirname(self.path)

    def origin(self, node: ast.AST) -> str:
        """The dotted origin of a name or attribute: ``flask.Flask``; empty for anything else."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            before = self.origin(node.value)
            return f"{before}.{node.attr}" if before else ""
        return ""

    def calls(self, node: ast.AST | None) -> str:
        """The origin of what ``node`` calls; empty when it is no call."""
        return self.origin(node.func) if isinstance(node, ast.Call) else ""


def modules(tree: Tree) -> list[Module]:
    """All modules that can be the app's, those nearest to the top first.

    What Python of today cannot parse is passed over: it cannot be imported either.
    """
    paths = [p for p in tree.paths() if p.endswith(".py") and worth_reading(p)]
    paths = [p for p in paths if p.count("/") < DEEPEST and not _is_test(p)]
    found = []
    for path in sorted(paths, key=lambda p: (p.count("/"), p))[:MOST]:
        source = text(tree, path)
        if source is None:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of old escapes in strings
                body = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        found.append(Module(path, body, _imports(body, path)))
    return found


def _is_test(path: str) -> bool:
    name = posixpath.basename(path)
    return name.startswith("test_") or name in ("conftest.py", "setup.py", "noxfile.py", "tests.py")


def _imports(body: ast.Module, path: str) -> dict[str, str]:
    """Names by their origin.  A relative import begins with the dots that it was written with."""
    names: dict[str, str] = {}
    for node in ast.walk(body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            for alias in node.names:
                dot = "" if start.endswith(".") else "."
                names[alias.asname or alias.name] = f"{start}{dot}{alias.name}"
    return names


def top_statements(body: ast.Module) -> Iterator[ast.stmt]:
    """What runs at import: also inside ``try`` and ``if``, but not as a script."""

    def inner(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
        for statement in statements:
            if isinstance(statement, ast.If):
                if not _as_script(statement.test):
                    yield from inner(statement.body)
                    yield from inner(statement.orelse)
            elif isinstance(statement, ast.Try):
                yield from inner(statement.body)
                yield from inner(statement.orelse)
            elif isinstance(statement, ast.With):
                yield from inner(statement.body)
            else:
                yield statement

    yield from inner(body.body)


def assigned(statement: ast.stmt) -> tuple[list[str], ast.expr | None]:
    """The plain names that a statement gives a value, and that value."""
    if isinstance(statement, ast.Assign):
        return [t.id for t in statement.targets if isinstance(t, ast.Name)], statement.value
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [statement.target.id], statement.value
    return [], None


def literal(node: ast.AST | None) -> str | None:
    """The text of a string constant."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def argument(call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    """An argument by its name, or by its position."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if position is not None and len(call.args) > position:
        return call.args[position]
    return None


def _as_script(test: ast.expr) -> bool:
    return any(isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(test))
