"""The reference of the settings files names every key, with its type and its default."""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Mapping
from types import NoneType

import pytest

from source_tree import ROOT
from toque.fleet.app import App, Build, Database, Migrations, Schedule, Worker
from toque.fleet.layer import Layer
from toque.fleet.node import Node
from toque.fleet.stack import Stack
from toque.fleet.typed import expectation
from toque.kitchen.kitchenfile import Hook, KitchenFile, Part, Platform, Suite

REFERENCE = ROOT / "docs" / "reference"
TABLES = {
    "[stack]": Stack,
    "[layers.NAME]": Layer,
    "[nodes.NAME]": Node,
    "[apps.NAME]": App,
    "[apps.NAME.build]": Build,
    "[apps.NAME.database]": Database,
    "[apps.NAME.migrations]": Migrations,
    "[apps.NAME.workers.WORKER]": Worker,
    "[apps.NAME.schedules.JOB]": Schedule,
}

KITCHEN = {
    "Top": KitchenFile,
    "[platforms.NAME]": Platform,
    "[suites.NAME]": Suite,
    "[suites.NAME.machines.MACHINE]": Part,
    "Hooks": Hook,
}


def documented(page: str, heading: str) -> dict[str, tuple[str, str]]:
    """Key to type and default, as the table below a heading says."""
    text = (REFERENCE / page).read_text()
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|", section, re.M)
    return {key: (kind, default) for key, kind, default in rows}


def type_word(annotation: object) -> str:
    """An annotation as error messages say it; a table of settings in plain words."""
    arguments = typing.get_args(annotation)
    if NoneType in arguments:
        return type_word(next(a for a in arguments if a is not NoneType))
    if annotation == Mapping[str, Mapping[str, typing.Any]]:
        return "tables by cookbook"
    if any(dataclasses.is_dataclass(argument) for argument in arguments):
        return "tables"  # each with a name of the user's
    return expectation(annotation)


def default_word(field: dataclasses.Field[object]) -> str:
    """A default as TOML writes it."""
    if field.default_factory is not dataclasses.MISSING:
        return f"`{json.dumps(field.default_factory())}`"
    if field.default is dataclasses.MISSING:
        return "required"
    if dataclasses.is_dataclass(field.default):
        return "below"  # its keys have a table of their own
    return "none" if field.default is None else f"`{json.dumps(field.default)}`"


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_of_toque_toml_is_documented_with_its_type_and_default(heading: str) -> None:
    kind = TABLES[heading]
    hints = typing.get_type_hints(kind)
    named = heading not in {"[stack]", "[apps.NAME.database]"}  # by their heading
    fields = [f for f in dataclasses.fields(kind) if not (named and f.name == "name")]

    wanted = {f.name: (type_word(hints[f.name]), default_word(f)) for f in fields}

    assert documented("toque-toml.md", heading) == wanted


@pytest.mark.parametrize("heading", KITCHEN)
def test_every_key_of_kitchen_toml_is_documented_with_its_type(heading: str) -> None:
    kind = KITCHEN[heading]
    hints = typing.get_type_hints(kind)

    wanted = {f.name: type_word(hints[f.name]) for f in dataclasses.fields(kind)}

    found = {key: word for key, (word, _) in documented("kitchen-toml.md", heading).items()}
    assert found == wanted
