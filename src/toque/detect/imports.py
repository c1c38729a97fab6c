"""Where in a project imports begin, and which file a module's name means."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Sequence

from .source import Module


def import_root(module: Module, paths: Sequence[str]) -> str:
    """The folder that has to be on Python's path for ``module`` to be imported; "" is the top.

    A folder with ``__init__.py`` is a package, so imports begin above it.  For other folders the
    module's own imports of neighbours decide, and where they say nothing ``src`` is one.
    """
    known = set(paths)
    folder = module.folder
    while folder and f"{folder}/__init__.py" in known:
        folder = posixpath.dirname(folder)
    least_above = _relative_depth(module)
    folders = [folder]
    while folders[-1]:
        folders.append(posixpath.dirname(folders[-1]))
    depth = module.path.count("/")
    usable = [f for f in folders if depth - _parts(f) >= least_above] or [""]
    scores = {f: _resolved(module, f, known) for f in usable}
    best = max(scores.values())
    fitting = [f for f in usable if scores[f] == best]
    if best == 0:
        src = [f for f in fitting if posixpath.basename(f) == "src"]
        return src[0] if src else (fitting[0] if module.folder != folder else fitting[-1])
    return fitting[0]


def module_name(path: str, root: str) -> str:
    """``src/shop/__init__.py`` below ``src`` is ``shop``."""
    inner = path[len(root) + 1 :] if root else path
    inner = inner.removesuffix(".py").removesuffix("/__init__")
    return inner.replace("/", ".")


def file_of(origin: str, module: Module, root: str, paths: Sequence[str]) -> tuple[str, str]:
    """The file and the name in it that a dotted origin means, or two empty texts.

    ``origin`` may begin with dots, then it is relative to ``module``.
    """
    known = set(paths)
    dots = len(origin) - len(origin.lstrip("."))
    parts = origin.lstrip(".").split(".")
    start = root
    if dots:
        start = module.folder
        for _ in range(dots - 1):
            start = posixpath.dirname(start)
    stem = posixpath.join(start, *parts[:-1])
    for path in (f"{stem}.py", posixpath.join(stem, "__init__.py")):
        if path in known:
            return path, parts[-1]
    return "", ""


def _relative_depth(module: Module) -> int:
    """How many packages its relative imports climb: they cannot leave the import root."""
    levels = [n.level for n in ast.walk(module.body) if isinstance(n, ast.ImportFrom)]
    return max(levels, default=0)


def _resolved(module: Module, root: str, known: set[str]) -> int:
    """How many first words of absolute imports are found below ``root``."""
    firsts = {o.split(".")[0] for o in module.names.values() if not o.startswith(".")}
    start = f"{root}/" if root else ""
    below = [p[len(start) :] for p in known if p.startswith(start) and p.endswith(".py")]
    folders = {path.split("/")[0] for path in below if "/" in path}
    return sum(1 for first in firsts if f"{start}{first}.py" in known or first in folders)


def _parts(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0
