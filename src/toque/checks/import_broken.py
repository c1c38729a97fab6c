"""A module or a name that is imported and is not there."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..errors import nearest
from .rule import Rule, Seen
from .source import Module, text_of
from .subject import Subject


def look(subject: Subject) -> Iterator[Seen]:
    for path, line, message in (one for book in subject.books for one in book.broken):
        yield Seen(path, line, f"this is no Python: {message}", "correct the line", line)
    for module in subject.modules:
        for node in _at_runtime(module.tree.body):
            for what, hint in _wrong(subject, module, node):
                yield Seen(module.path, node.lineno, what, hint, node.end_lineno or 0)
    for package, trouble in subject.unloaded.items():
        where = subject.where(trouble.place) or subject.home(package)
        mend = trouble.hint or "correct the line; import the package to see more"
        yield Seen(*where, trouble.message, mend, subject.statement(*where)[1])


def _wrong(
    subject: Subject, module: Module, node: ast.Import | ast.ImportFrom
) -> Iterator[tuple[str, str]]:
    known = subject.shapes.modules
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _missing(subject, alias.name)
        return
    source = module.absolute(node)
    if source not in known:
        yield from _missing(subject, source)
        return
    there = known[source]
    names = _names(there)
    for alias in node.names:
        below = f"{source}.{alias.name}"
        if names is None or alias.name == "*" or alias.name in names or below in known:
            continue
        near = nearest(alias.name, sorted(names))
        yield f"{source} has no {alias.name}", near or f"write {alias.name} in {there.path}"


def _missing(subject: Subject, name: str) -> Iterator[tuple[str, str]]:
    """Whether a module that is asked for by its whole name is nowhere."""
    top = name.partition(".")[0]
    own = any(f"{name}.".startswith(f"{book.package}.") for book in subject.books)
    if own and not subject.is_there(name):
        near = nearest(name, [m.name for m in subject.modules])
        yield f"there is no module {name}", near or f"write {name.replace('.', '/')}.py"
    elif not own and subject.importable is not None and top not in subject.importable:
        need = "name it in dependencies of the cookbook's pyproject.toml, then: toque lock"
        yield f"there is no package {top}", need


def _names(module: Module) -> set[str] | None:
    """What can be imported from a module; None when it may be anything."""
    listed = module.bindings.get("__all__")
    if "__getattr__" in module.bindings:
        value = listed.value if isinstance(listed, ast.Assign) else None
        if not isinstance(value, (ast.List, ast.Tuple)):
            return None
        return {text for one in value.elts if (text := text_of(one))} | set(module.bindings)
    stars = [
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]
    return None if stars else {*module.bindings, "__name__", "__file__", "__doc__", "__path__"}


def _at_runtime(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports that are carried out: none for types alone, none that may fail."""
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _at_runtime(node.orelse)
        elif isinstance(node, ast.Try):
            yield from _at_runtime([*node.orelse, *node.finalbody])
        else:
            for part in ("body", "orelse"):
                below = getattr(node, part, None)
                if isinstance(below, list):
                    yield from _at_runtime(below)


RULE = Rule(
    "import-broken",
    "error",
    "An import fails",
    "No plan can be made with this cookbook, for any node.",
    look,
)
