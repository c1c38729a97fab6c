"""Which instances or machines the words of a command mean."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from ... import bootstrap
from ...errors import AskedWrongly
from ...kitchen import api, kitchenfile
from ...kitchen.drivers import NAMES
from ...kitchen.instance import Instance, instances, pick


def suites_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("words", metavar="[SUITE]...", nargs=-1)(function)


def machine_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("name", metavar="[SUITE]", default="")(function)


def driver_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--driver",
        default="",
        help=f"{NAMES}, or a plugin's.",
    )(function)


def here() -> tuple[Instance, ...]:
    """The instances of the nearest ``kitchen.toml``."""
    return instances(kitchenfile.load(kitchenfile.find_file(Path.cwd()), os.environ))


def picked(words: Sequence[str]) -> tuple[Instance, ...]:
    """The instances that the words mean; all of them without a word."""
    return pick(here(), words)


def machine_name(word: str) -> str:
    """The one machine that a word means: by its own name, or as the only one of an instance."""
    cook = bootstrap.open_kitchen()
    if word and word in cook.store.names():
        return word
    try:
        found = here()
    except AskedWrongly as error:
        if word and error.code == "kitchen-no-file":  # then only a machine can be meant
            return api.find(cook, word).name
        raise
    suite, _, part = word.partition("/")
    chosen = pick(found, [suite] if suite else [])
    members = [m for one in chosen for m in one.members if part in ("", m.name)]
    if len(members) == 1:
        return members[0].machine
    names = [f"{one.name}/{m.name}" if m.name else one.name for one in chosen for m in one.members]
    raise AskedWrongly(
        "kitchen-which-machine",
        f"'{word or 'no name'}' means {len(members)} machines",
        expected="one of " + ", ".join(names),
        found=word or "no name",
        hint=f"toque kitchen login {names[0]}" if names else "",
    )
