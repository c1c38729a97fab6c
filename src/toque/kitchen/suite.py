"""``kitchen.toml``: the suites of the cookbook that it lies next to, as frozen values.

    driver = "auto"                       # auto, or a driver by name
    release = "bookworm"

    [suites.default]
    run = ["setup", "deploy"]             # events, in this order
    verify = "checks"                     # a folder of pytest files, relative to this file
    project = "../thena/toque.toml"       # whose layers, apps and attributes it takes
    layer = "web"                         # the layer of its machine; the first one when left out

    [suites.default.attributes.thena_infra]
    processes = 2

A suite may set ``driver``, ``release`` and ``packages`` for itself.  Without ``project`` it runs
the cookbooks beside this file and has no apps.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import AskedWrongly, nearest

FILE = "kitchen.toml"
TOP = ("driver", "release", "packages", "suites")
SUITE = (*TOP[:3], "run", "verify", "attributes", "project", "layer")


@dataclass(frozen=True)
class Suite:
    """One way to try a cookbook.  ``attributes``: cookbook -> attribute -> value."""

    name: str
    folder: Path
    driver: str
    release: str
    packages: tuple[str, ...]
    run: tuple[str, ...]
    verify: Path | None
    attributes: Mapping[str, Mapping[str, Any]]
    project: Path | None = None
    layer: str = ""

    @property
    def machine(self) -> str:
        """The name of this suite's machine: the cookbook's folder and the suite."""
        text = f"{self.folder.name}-{self.name}".lower().replace("_", "-")
        return "".join(c for c in text if c.isascii() and (c.isalnum() or c == "-"))[:40].strip("-")


def find_file(start: Path) -> Path:
    """The nearest ``kitchen.toml`` in ``start`` or above it."""
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder / FILE
    raise AskedWrongly(
        "kitchen-no-file",
        f"there is no {FILE} here",
        expected=f"{FILE} in {start} or a folder above it",
        found="none",
        hint="cd into the cookbook's folder",
    )


def load(file: Path) -> tuple[Suite, ...]:
    """The suites of a file, in the order written."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AskedWrongly("kitchen-bad-file", f"{file} cannot be read: {error}") from error
    return parse(text, file)


def parse(text: str, file: Path) -> tuple[Suite, ...]:
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AskedWrongly(
            "kitchen-bad-file", f"{file.name} is not TOML: {error}", place=str(file)
        ) from error
    reader = _Reader(file)
    reader.known(top, TOP, "")
    suites = reader.table(top, "suites", "")
    if not suites:
        raise reader.wrong("suites", "at least one table [suites.NAME]", "none")
    return tuple(reader.suite(name, top, suites) for name in suites)


def pick(suites: Sequence[Suite], name: str | None) -> Suite:
    """The suite of that name; without a name the only or first one."""
    if name is None:
        return suites[0]
    for suite in suites:
        if suite.name == name:
            return suite
    names = [suite.name for suite in suites]
    raise AskedWrongly(
        "kitchen-unknown-suite",
        f"there is no suite '{name}'",
        expected=", ".join(names),
        found=name,
        hint=nearest(name, names),
    )


@dataclass(frozen=True)
class _Reader:
    """Turns TOML tables into values; every complaint names the key as the user wrote it."""

    file: Path

    def suite(self, name: str, top: Mapping[str, Any], suites: Mapping[str, Any]) -> Suite:
        at = f"suites.{name}"
        table = self.table(suites, name, "suites")
        self.known(table, SUITE, at)
        both = {**{key: top[key] for key in TOP[:3] if key in top}, **table}
        verify = self.text(table, "verify", at, "")
        project = self.text(table, "project", at, "")
        attributes = self.table(table, "attributes", at)
        return Suite(
            name,
            self.file.parent.absolute(),
            self.text(both, "driver", at, "auto"),
            self.text(both, "release", at, "bookworm"),
            self.texts(both, "packages", at, ()),
            self.texts(table, "run", at, ("setup",)),
            self.file.parent.absolute() / verify if verify else None,
            {key: self.table(attributes, key, f"{at}.attributes") for key in attributes},
            (self.file.parent.absolute() / project).resolve() if project else None,
            self.text(table, "layer", at, ""),
        )

    def known(self, table: Mapping[str, Any], keys: Sequence[str], at: str) -> None:
        for key in table:
            if key not in keys:
                place = f"{at}.{key}" if at else key
                raise AskedWrongly(
                    "kitchen-unknown-key",
                    f"{self.file.name} has an unknown key '{place}'",
                    expected=", ".join(keys),
                    found=key,
                    hint=nearest(key, keys),
                    place=str(self.file),
                )

    def table(self, table: Mapping[str, Any], key: str, at: str) -> Mapping[str, Any]:
        value = table.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(f"{at}.{key}" if at else key, "a table", repr(value))
        return value

    def text(self, table: Mapping[str, Any], key: str, at: str, default: str) -> str:
        value = table.get(key, default)
        if not isinstance(value, str):
            raise self.wrong(f"{at}.{key}", "a text in quotes", repr(value))
        return value

    def texts(
        self, table: Mapping[str, Any], key: str, at: str, default: tuple[str, ...]
    ) -> tuple[str, ...]:
        value = table.get(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise self.wrong(f"{at}.{key}", "a list of texts", repr(value))
        return tuple(value)

    def wrong(self, key: str, expected: str, found: str) -> AskedWrongly:
        return AskedWrongly(
            "kitchen-bad-value",
            f"{self.file.name}: '{key}' has the wrong value",
            expected=expected,
            found=found,
            place=str(self.file),
        )
