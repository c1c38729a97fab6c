""".kitchen.yml to kitchen.toml, and the toque.toml whose layers its suites run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import yamlvalues
from .accounting import Account, of_ruby
from .tokens import Unreadable
from .yamlvalues import Value

if TYPE_CHECKING:
    from .cookbook import Cookbook

_RELEASES = {"debian-11": "bullseye", "debian-12": "bookworm", "debian-13": "trixie"}
_SUITED = ("driver", "provisioner", "transport", "verifier", "busser")


@dataclass(frozen=True)
class Suite:
    """``cookbooks`` are packages whose setup runs; ``attributes`` by package."""

    name: str
    cookbooks: tuple[str, ...]
    attributes: Mapping[str, Mapping[str, Any]]

    @property
    def layer(self) -> str:
        """That of its only cookbook, or one of its own."""
        return layer(self.cookbooks[0] if len(self.cookbooks) == 1 else f"suite-{self.name}")


@dataclass
class Suites:
    found: dict[str, Suite] = field(default_factory=dict)
    releases: tuple[str, ...] = ("bookworm",)


def read(file: str, text: str, cookbooks: Sequence[Cookbook], suites: Suites) -> Account:
    """Take up the suites of one file; what has no counterpart is listed."""
    account = of_ruby(file, text)  # comments are alike
    try:
        top = yamlvalues.read(text).data
    except Unreadable as error:
        account.left(1, max(len(account.lines), 1), f"line {error.line}: {error.reason}")
        return account
    if not isinstance(top, dict):
        account.left(1, max(len(account.lines), 1), "no mapping")
        return account
    account.carried(1, 1) if text.startswith("---") else None
    for key, value in top.items():
        if key == "suites" and isinstance(value.data, list):
            account.carried(value.first, value.last)
            for one in value.data:
                _suite(account, one, cookbooks, suites)
        elif key == "platforms" and isinstance(value.data, list):
            account.carried(value.first, value.last)
            _platforms(account, value, suites)
        elif key in _SUITED:
            account.carried(value.first, value.last)
            account.noted(value.first, value.last, f"{key}: Toque's kitchen has its own")
        else:
            account.left(value.first, value.last, f"{key} of a kitchen file")
    return account


def _platforms(account: Account, value: Value, suites: Suites) -> None:
    known: list[str] = []
    for one in value.data:
        table = one.data if isinstance(one.data, dict) else {}
        name = str(table["name"].data) if "name" in table else ""
        found = next((r for p, r in _RELEASES.items() if name.startswith(p)), "")
        if not found:
            account.left(
                one.first, one.last, f"no image for {name or 'this'}: {', '.join(_RELEASES)}"
            )
        else:
            known.append(found)
        for key, inner in table.items():
            if key != "name":
                account.left(inner.first, inner.last, f"{key} of a platform")
    if known:
        suites.releases = tuple(dict.fromkeys(known))


def _suite(account: Account, one: Value, cookbooks: Sequence[Cookbook], suites: Suites) -> None:
    table = one.data if isinstance(one.data, dict) else {}
    if "name" not in table:
        account.left(one.first, one.last, "a suite without a name")
        return
    name = re.sub(r"[^a-z0-9-]+", "-", str(table["name"].data).lower()).strip("-") or "default"
    runs: list[str] = []
    attributes: dict[str, dict[str, Any]] = {}
    for key, value in table.items():
        if key == "run_list":
            runs = list(_runs(account, value, cookbooks))
        elif key == "attributes" and isinstance(value.data, (dict, type(None))):
            for path, inner in _leaves(value):
                _attribute(account, path, inner, cookbooks, attributes)
        elif key != "name":
            account.left(value.first, value.last, f"{key} of a suite")
    if not runs:
        account.left(one.first, one.last, "a suite that runs no recipe of this repository")
        return
    while name in suites.found:
        name += "-2"
    suites.found[name] = Suite(name, tuple(dict.fromkeys(runs)), attributes)


def _runs(account: Account, value: Value, cookbooks: Sequence[Cookbook]) -> Iterator[str]:
    for item in value.data if isinstance(value.data, list) else []:
        match = re.fullmatch(r"recipe\[([\w-]+)(?:::([\w-]+))?\]", str(item.data))
        other = next((c for c in cookbooks if match and c.found.name == match[1]), None)
        if match and match[1] in ("apt",):
            account.noted(item.first, item.last, "Package fetches apt's index when it has to")
        elif other is None or match is None:
            account.left(item.first, item.last, "not in this repository")
        elif (match[2] or "default") != "default" or "default" not in other.recipes:
            account.left(
                item.first, item.last, "an event runs the recipe default; no event runs this"
            )
        else:
            yield other.found.package


def _leaves(value: Value, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Value]]:
    if isinstance(value.data, dict):
        for key, inner in value.data.items():
            yield from _leaves(inner, (*path, key))
    elif path:
        yield path, value


def _attribute(
    account: Account, path: tuple[str, ...], value: Value, cookbooks: Sequence[Cookbook],
    attributes: dict[str, dict[str, Any]],
) -> None:  # fmt: skip
    for one in cookbooks:
        default = one.shape.leaves.get(path)
        given = tuple(value.plain) if isinstance(value.data, list) else value.data
        if path in one.shape.leaves and type(default) is type(given):
            names = [
                one.shape.names[path[:n]] for n in range(2 if one.shape.flat else 1, len(path) + 1)
            ]
            at = attributes.setdefault(one.found.package, {})
            for name in names[:-1]:
                at = at.setdefault(name, {})
            at[names[-1]] = value.plain
            return
    account.left(value.first, value.last, f"{'.'.join(path)} is no attribute here of that type")


def layer(package: str) -> str:
    """A layer's name: a-z first, then a-z 0-9 -, at most 31."""
    name = re.sub(r"[^a-z0-9]+", "-", package.lower()).strip("-")[:31].strip("-")
    return name if re.match(r"[a-z]", name) else f"x-{name}"[:31]


def stack(cookbooks: Sequence[Cookbook], suites: Suites) -> str:
    """toque.toml: one layer a cookbook, and one for each suite that runs several."""
    lines = ["# From Chef: one layer for each cookbook.  Add your nodes:", "#",
             "# [nodes.web1]", '# address = "root@server.example"',
             f'# layer = "{layer(cookbooks[0].found.package)}"', "",
             "[stack]", 'name = "from-chef"', 'cookbooks = ["."]', ""]  # fmt: skip
    for one in cookbooks:
        runs = [one.found.package] if "default" in one.recipes else []
        lines += [f"[layers.{layer(one.found.package)}]", f"setup = {_toml(runs)}", ""]
    for suite in suites.found.values():
        if len(suite.cookbooks) > 1:
            lines += [f"[layers.{suite.layer}]", f"setup = {_toml(suite.cookbooks)}", ""]
    return "\n".join(lines)


def suites_toml(cookbooks: Sequence[Cookbook], suites: Suites) -> str:
    """kitchen.toml: a suite for each of theirs, or one for each cookbook when there were none."""
    found = list(suites.found.values()) or [
        Suite(layer(one.found.package), (one.found.package,), {})
        for one in cookbooks
        if "default" in one.recipes
    ]
    checked = {one.found.package for one in cookbooks if one.checks}
    lines = ['driver = "auto"']
    if len(suites.releases) == 1:
        lines += [f"release = {_toml(suites.releases[0])}", ""]
    else:
        lines += ["", *(f"[platforms.{release}]" for release in suites.releases), ""]
    for one in found:
        lines += [f"[suites.{one.name}]", 'run = ["setup"]', 'project = "toque.toml"',
                  f"layer = {_toml(one.layer)}"]  # fmt: skip
        if one.cookbooks[0] in checked:
            lines += [f"verify = {_toml(f'checks/{one.cookbooks[0]}')}"]
        lines += [""]
        for package, table in one.attributes.items():
            lines += [*_tables(f"suites.{one.name}.attributes.{package}", table), ""]
    return "\n".join(lines)


def _tables(name: str, table: Mapping[str, Any]) -> list[str]:
    lines = [f"[{name}]"]
    lines += [
        f"{key} = {_toml(value)}" for key, value in table.items() if not isinstance(value, dict)
    ]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += ["", *_tables(f"{name}.{key}", value)]
    return lines


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
