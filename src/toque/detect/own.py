"""What a project is called, for code that asks for its own version: ``version("shop")``.

An app is served from its checkout and not installed, so without this its environment would not
know it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from email.parser import HeaderParser
from typing import Any

from .tree import Tree, text

UNKNOWN = "0.0.0"  # of a version that only the project's own build computes
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")


def own_metadata(tree: Tree) -> dict[str, str]:
    """Files that installing the project would put beside its packages; none without a name."""
    project = _project(text(tree, "pyproject.toml") or "")
    built = HeaderParser().parsestr(text(tree, "PKG-INFO") or "")  # of a source distribution
    name = str(project.get("name") or built.get("Name") or "")
    version = str(project.get("version") or built.get("Version") or UNKNOWN)
    if not _PLAIN.fullmatch(name) or not _PLAIN.fullmatch(version):
        return {}
    folder = f"{re.sub('[-_.]+', '_', name)}-{version.replace('-', '_')}.dist-info"
    found = {f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}
    points = _entry_points(project)
    return {**found, f"{folder}/entry_points.txt": points} if points else found


def _project(source: str) -> Mapping[str, Any]:
    try:
        table = tomllib.loads(source)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
    found = table.get("project") or table.get("tool", {}).get("poetry") or {}
    return found if isinstance(found, dict) else {}


def _entry_points(project: Mapping[str, Any]) -> str:
    groups = dict(project.get("entry-points") or {})
    if isinstance(project.get("scripts"), dict):
        groups["console_scripts"] = project["scripts"]
    lines = []
    for group, points in groups.items():
        if isinstance(points, dict):
            lines += [f"[{group}]", *(f"{name} = {where}" for name, where in points.items()), ""]
    return "\n".join(lines)
