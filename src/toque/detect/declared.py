"""What a project without a lock says that it needs, as lines of PEP 508.

Read as text: nothing of the project is run to find it out.  A project may say it in a
pyproject.toml (PEP 621 or Poetry's table), a requirements.in, a setup.cfg, a setup.py whose list is
written out, or, in a source distribution, its PKG-INFO, which also has what was dynamic.
"""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from email.parser import HeaderParser
from typing import Any

from . import requirements
from .pythons import find_python
from .source import argument, literal
from .tree import Tree, text

OLDEST = 10  # the minor version of Python 3 in Ubuntu 22.04, the oldest system that is tried


def declared(path: str, source: str) -> list[str]:
    """The requirements that the file of this name asks for; empty when it does not say."""
    try:
        return [one for line in READERS[path](source) if (one := " ".join(line.split()))]
    except (ValueError, KeyError, TypeError, AttributeError, SyntaxError, RecursionError,
            configparser.Error):  # fmt: skip
        return []  # not as its tool writes it: the next file may say


def find_declared(tree: Tree) -> tuple[str, list[str]]:
    """The first file that says what is needed, and its lines; an empty name when none does."""
    known = set(tree.paths())
    for path in READERS:
        source = text(tree, path) if path in known else None
        if source is not None and (lines := declared(path, source)):
            return path, lines
    return "", []


def oldest_python(tree: Tree) -> str:
    """The least Python that the versions are chosen for: ``3.11`` of ``>=3.11``."""
    asked = find_python(tree)
    match = re.search(r"(?:>=|\^|~=|==)\s*3\.(\d+)", asked.range) if asked else None
    return f"3.{max(OLDEST, int(match.group(1)) if match else 0)}"


def _pyproject(source: str) -> Iterable[str]:
    table: dict[str, Any] = tomllib.loads(source)
    project = table.get("project", {})
    if project.get("dependencies"):
        return [str(line) for line in project["dependencies"]]
    asked = table.get("tool", {}).get("poetry", {}).get("dependencies", {})
    return [line for name, how in asked.items() for line in _poetry(name, how)]


def _poetry(name: str, how: object) -> Iterable[str]:
    """A line of Poetry's table; none for Python itself and for what is optional."""
    if isinstance(how, list):  # one for each marker
        return [line for one in how for line in _poetry(name, one)]
    table: Mapping[str, Any] = how if isinstance(how, dict) else {"version": how}
    if name.lower() == "python" or table.get("optional"):
        return []
    extras = f"[{','.join(table['extras'])}]" if table.get("extras") else ""
    if "git" in table:
        ref = table.get("rev") or table.get("tag") or table.get("branch")
        return [f"{name}{extras} @ git+{table['git']}{f'@{ref}' if ref else ''}"]
    versions = ",".join(_bound(part.strip()) for part in str(table["version"]).split(","))
    marker = f" ; {table['markers']}" if table.get("markers") else ""
    if table.get("python"):
        marker = f" ; {_python_marker(str(table['python']))}"
    return [f"{name}{extras}{versions}{marker}"]


def _bound(part: str) -> str:
    """``^1.2`` and ``~1.2`` as PEP 440 writes them."""
    if part in ("", "*"):
        return ""
    if part[0] not in "^~" or part.startswith("~="):
        return part if part[0] in "<>=!~" else f"=={part}"
    numbers = [int(n) for n in re.findall(r"\d+", re.split(r"[a-z]", part)[0])]
    if part[0] == "~":
        fixed = min(len(numbers), 2)
    else:  # what is left of it stays: the first number that is not zero
        fixed = next((n for n, value in enumerate(numbers, 1) if value), len(numbers))
    above = [*numbers[: fixed - 1], numbers[fixed - 1] + 1]
    return f">={part[1:].strip()},<{'.'.join(map(str, above))}"


def _python_marker(allowed: str) -> str:
    clauses = re.findall(r"(<=|>=|!=|==|<|>)([\d.]+)", ",".join(map(_bound, allowed.split(","))))
    return " and ".join(f"python_version {sign} '{version}'" for sign, version in clauses)


def _requirements_in(source: str) -> Iterable[str]:
    return [line for _, line in requirements.logical_lines(source)]


def _setup_cfg(source: str) -> Iterable[str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(source)
    asked = parser.get("options", "install_requires", fallback="")
    return [line for _, line in requirements.logical_lines(asked)]


def _setup_py(source: str) -> Iterable[str]:
    """``install_requires`` of a call of ``setup`` when it is a list of texts, or a name of one."""
    body = ast.parse(source)
    lists = {
        target.id: node.value
        for node in body.body if isinstance(node, ast.Assign)
        for target in node.targets if isinstance(target, ast.Name)
    }  # fmt: skip
    for node in ast.walk(body):
        if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("setup"):
            continue
        given = argument(node, "install_requires")
        given = lists.get(given.id) if isinstance(given, ast.Name) else given
        if isinstance(given, (ast.List, ast.Tuple)):
            lines = [literal(one) for one in given.elts]
            return [line for line in lines if line] if all(lines) else []
    return []


def _pkg_info(source: str) -> Iterable[str]:
    """``Requires-Dist`` of a source distribution, but for what belongs to an extra."""
    lines = HeaderParser().parsestr(source).get_all("Requires-Dist") or []
    return [str(line) for line in lines if not re.search(r"\bextra\s*==", str(line))]


READERS: Mapping[str, Callable[[str], Iterable[str]]] = {
    "pyproject.toml": _pyproject,
    "requirements.in": _requirements_in,
    "setup.cfg": _setup_cfg,
    "PKG-INFO": _pkg_info,
    "setup.py": _setup_py,
}
