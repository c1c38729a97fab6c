"""The resource types of cookbooks themselves: ``<cookbook>/resources/<name>.py``, one file each.

The text of that file travels in the plan, so it may need nothing but Python's standard library
and ``toque.node``, which the node has under the same name.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..errors import BadCookbook
from ..node.resource import Resource
from ..node.resources import CLASSES
from .cookbook import cookbook_of
from .place import place_in_file
from .recipe import Added

OURS = "toque.node"
OLDEST = (3, 9)  # the Python of nodes
LATER = {"tomllib"}  # modules of this Python's standard library that the oldest lacks


def own_types(added: Iterable[Added]) -> Mapping[str, str]:
    """The texts of the types that are not Toque's, by kind.

    Raises ``BadCookbook("bad-resource-type")`` for one that a node could not load.
    """
    declared: dict[type[Resource], Added] = {}
    for one in added:
        declared.setdefault(type(one.resource), one)
    return {kind.kind: _text(kind, one) for kind, one in declared.items() if not _is_ours(kind)}


def _is_ours(declared: type[Resource]) -> bool:
    home = f"{OURS}.resources.{declared.kind}"
    return declared.__module__ == home and CLASSES.get(declared.kind) == declared.__name__


def _text(declared: type[Resource], one: Added) -> str:
    module = sys.modules.get(declared.__module__)
    file = Path(getattr(module, "__file__", None) or "/")
    owner = cookbook_of(declared.__module__)
    home = f"{owner.name if owner else 'COOKBOOK'}.{file.stem}"
    if file.parent.name != "resources" or declared.kind != home:
        raise BadCookbook(
            "bad-resource-type",
            f"{declared.__name__} cannot be sent to a node",
            expected=f"kind = '{home}' and the class alone in resources/{file.stem}.py"
            if file.parent.name == "resources"
            else "a class in a file of its own, COOKBOOK/resources/NAME.py",
            found=f"kind = '{declared.kind}' in {place_in_file(str(file), 1)}",
            place=one.place,
        )
    text = file.read_text(encoding="utf-8")
    try:
        tree = ast.parse(text, str(file), feature_version=OLDEST)
    except SyntaxError as error:
        raise BadCookbook(
            "bad-resource-type",
            f"{declared.__name__} uses syntax that Python 3.9 on a node does not know",
            expected="syntax of Python 3.9",
            found=str(error.msg),
            place=place_in_file(str(file), error.lineno or 1),
        ) from error
    for line, name in _strangers(tree):
        raise BadCookbook(
            "bad-resource-type",
            f"{declared.__name__} imports what a node does not have",
            expected=f"imports of Python's standard library and of {OURS}",
            found=name,
            place=place_in_file(str(file), line),
        )
    return text


def _strangers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Imports that a node could not answer, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
        else:
            continue
        for name in names:
            first = name.split(".")[0]
            known = first in sys.stdlib_module_names and first not in LATER
            if not known and name != OURS and not name.startswith(f"{OURS}."):
                yield node.lineno, name
