"""The text of a module: its imports are what its code names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .layout import WIDTH, Made, call, docstring, lines_of, quoted

_PATHS = ("basename", "dirname", "normpath")


@dataclass
class Module:
    """One function ``function(r)``.  ``resources`` are names of toque that its code may use,
    ``statements`` imports of recipes, ``others`` classes of attributes by package; ``own`` is the
    class of this cookbook's attributes."""

    function: str
    says: str
    own: str
    code: list[str] = field(default_factory=list)
    resources: set[str] = field(default_factory=set)
    statements: set[str] = field(default_factory=set)
    others: dict[str, str] = field(default_factory=dict)

    def source(self) -> str:
        text = "\n".join(line for line in self.code if not line.lstrip().startswith("#"))
        heads: list[str] = []
        local = {one for one in self.statements if one.startswith("from .")}
        beside = self.statements - local
        if _names("a.", text) or _names("node=a", text):
            heads.append(f"    a = r.attributes({self.own})")
            local.add(f"from .attributes import {self.own}")
        for package, kind in sorted(self.others.items()):
            if _names(f"{package}_a.", text):
                heads.append(f"    {package}_a = r.attributes({kind})")
                beside.add(f"from {package}.attributes import {kind}")
        paths = [name for name in _PATHS if _names(f"{name}(", text)]
        names = {name for name in self.resources if _names(f"{name}(", text)} | {"Recipe"}
        blocks = [
            [f"from posixpath import {', '.join(paths)}"] if paths else [],
            _imported("toque", names),
            sorted(beside),
            sorted(local),
        ]
        imports = "\n\n".join("\n".join(block) for block in blocks if block)
        body = [*heads, *([""] if heads and self.code else []), *self.code]
        if not any(line.strip() and not line.lstrip().startswith("#") for line in body):
            body.append("    pass")
        lines = [
            f'"""{docstring(self.says)}."""',
            "",
            imports,
            "",
            "",
            f"def {self.function}(r: Recipe) -> None:",
        ]
        return "\n".join([*lines, *body, ""])


def _names(word: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(word)}", text) is not None


def _imported(module: str, names: Iterable[str]) -> list[str]:
    ordered = sorted(names)
    one = f"from {module} import {', '.join(ordered)}"
    if len(one) <= WIDTH:
        return [one]
    return [f"from {module} import (", *(f"    {name}," for name in ordered), ")"]


def init(name: str, package: str, attributes: str, *, default: bool, late: bool) -> str:
    """``__init__.py``: the event setup is Chef's recipe default, then what it all notifies."""
    name = docstring(name)
    lines = [
        f'"""The cookbook {name}, from Chef.  FROM-CHEF.md lists what was not carried over."""'
    ]
    lines += ["", f"from toque import Cookbook{', Recipe' if default and late else ''}", ""]
    local = ["from .afterwards import afterwards"] if default and late else []
    local += [f"from .attributes import {attributes}"] if attributes else []
    local += ["from .default import default"] if default else []
    lines += [*local, ""] if local else []
    setup = "default"
    if default and late:
        setup = "setup"
        lines += ["", "def setup(r: Recipe) -> None:", "    r.include(default)"]
        lines += ["    r.include(afterwards)", "", ""]
    parts = [quoted(package)]
    parts += [f"attributes={attributes}"] if attributes else []
    parts += [f'events={{"setup": {setup}}}'] if default else []
    return "\n".join([*lines, *_call(parts), ""])


def checks(name: str, found: Iterable[tuple[str, str]]) -> str:
    """A file of checks for pytest: what holds on every machine after the recipe default."""
    name = docstring(name)
    once = dict.fromkeys(found)
    services = [text for kind, text in once if kind == "service"]
    files = [text for kind, text in once if kind == "file"]
    lines = [f'"""What has to be true of a machine after {name}; toque kitchen verify runs it."""']
    lines += ["", "import pytest"]
    for word, attribute, names in (("service", "running", services), ("file", "kind", files)):
        if names:
            row = Made("[", tuple(("", name) for name in names), "]")
            lines += ["", "", *lines_of(call("@pytest.mark.parametrize", quoted(word), row))]
            lines += [f"def test_{word}(machine, {word}):"]
            lines += [f"    assert machine.{word}({word}).{attribute}"]
    return "\n".join([*lines, ""])


def _call(parts: Sequence[str]) -> list[str]:
    one = f"cookbook = Cookbook({', '.join(parts)})"
    return (
        [one] if len(one) <= WIDTH else ["cookbook = Cookbook(", *(f"    {p}," for p in parts), ")"]
    )
