"""The guide that everybody begins with, word for word on a machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fresh_machine import Fresh, fresh_machine
from source_tree import ROOT
from typed_guide import Command, Terminal, steps

GUIDE = ROOT / "docs" / "guides" / "first-site.md"
Record = Callable[[str, object], None]


@pytest.fixture
def fresh(kitchen_folder: Path, tmp_path: Path) -> Iterator[Fresh]:
    with fresh_machine(kitchen_folder, tmp_path, "first-site") as made:
        yield made


def environ_of(fresh: Fresh) -> dict[str, str]:
    """A reader's: with a name for git, and Toque on the path."""
    names = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
             for key, value in (("NAME", "You"), ("EMAIL", "you@example.invalid"))}  # fmt: skip
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**fresh.environ, **names, "PATH": path, "GIT_CONFIG_GLOBAL": os.devnull}


def here(fresh: Fresh) -> Callable[[str], str]:
    """A text of the guide with this machine in the place of the reader's, whose ssh finds its key
    by itself."""
    machine = fresh.machine
    shown = subprocess.run(
        ["ssh-keygen", "-lf", "-"],
        input=machine.host_key, capture_output=True, text=True, check=True,
    )  # fmt: skip
    places = {
        'address = "root@server.example"': f'address = "root@{machine.address}"\n'
        f'key = "{machine.key}"',
        "server.example": machine.address,
        "SHA256:dgKZHCBb7fJzcV5pt+Qh5mcjTNDCu/pFi8hkKBPq1nY": shown.stdout.split()[1],
        "/home/you": str(fresh.directory),
    }

    def placed(text: str) -> str:
        for word, mine in places.items():
            text = text.replace(word, mine)
        return text

    return placed


def test_first_site_is_as_its_guide_says(fresh: Fresh, record_property: Record) -> None:
    place = here(fresh)

    with Terminal(fresh.directory, environ_of(fresh)) as terminal:
        for step in steps(GUIDE):
            if isinstance(step, Command):
                terminal.type(Command(place(step.words), tuple(map(place, step.output))))
            else:
                replace(step, text=place(step.text)).make(fresh.directory)

    assert terminal.done[-1].endswith("git push live main")
    assert "Hello" in fresh.get("/", "hello.example")[1]
    record_property("figure", f"{len(terminal.done)} commands, each printed what the guide says")
