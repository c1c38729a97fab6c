"""What a template says of itself: names it reads, templates it takes in, what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, TemplateSyntaxError, meta, nodes

from ..cookbooks.templates import FILTERS


def fault(text: str) -> tuple[int, str] | None:
    """Line and message, when it is no template that can be read."""
    try:
        _environment().parse(text)
    except TemplateSyntaxError as error:
        return error.lineno, error.message or "it cannot be read"
    except RecursionError:
        return 1, "it is nested too deep"
    return None


def names_read(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Lines and dotted names, such as ``("a", "size")``, of what the template was given."""
    tree = _parsed(text)
    if tree is None:
        return
    own = _own(tree)
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        path = _path(node)
        if path and path[0] not in own:
            yield node.lineno, path


def names_needed(text: str) -> frozenset[str]:
    """The names that have to be passed; none of those that it asks about with ``is defined``."""
    tree = _parsed(text)
    if tree is None:
        return frozenset()
    asked = {
        test.node.name
        for test in tree.find_all(nodes.Test)
        if test.name in ("defined", "undefined") and isinstance(test.node, nodes.Name)
    }
    return frozenset(meta.find_undeclared_variables(tree) - asked)


def taken_in(text: str) -> Iterator[str | None]:
    """The templates that it includes, extends or imports; None for one whose name is a value."""
    tree = _parsed(text)
    if tree is not None:
        yield from meta.find_referenced_templates(tree)


def _parsed(text: str) -> nodes.Template | None:
    try:
        return _environment().parse(text)
    except (TemplateSyntaxError, RecursionError):
        return None


def _environment() -> Environment:
    made = Environment(trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - it renders nothing
    made.filters.update(FILTERS)
    return made


def _own(tree: nodes.Template) -> frozenset[str]:
    """Names that the template gives itself: they may be anything."""
    stored = {n.name for n in tree.find_all(nodes.Name) if n.ctx in ("store", "param")}
    macros = {macro.name for macro in tree.find_all(nodes.Macro)}
    taken = {one.target for one in tree.find_all(nodes.Import)}
    return frozenset(stored | macros | taken)


def _path(node: nodes.Node) -> tuple[str, ...]:
    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        before = _path(node.node)
        return (*before, node.attr) if before else ()
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        before = _path(node.node)
        return (*before, node.arg.value) if before and isinstance(node.arg.value, str) else ()
    return ()
