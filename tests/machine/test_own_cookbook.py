"""A newcomer's path, word for word: docs/guides/own-cookbook.md on an empty folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine_site import environ_in, kitchen_in, require
from source_tree import ROOT
from toque.kitchen import api
from typed_guide import Command, Terminal, minutes, steps

pytestmark = pytest.mark.timeout(900)
GUIDE = ROOT / "docs" / "guides" / "own-cookbook.md"
MACHINE = "motd-default"


@pytest.fixture
def home(kitchen_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """A newcomer's, with Toque installed as README.md says."""
    (tmp_path / ".toque").mkdir()
    (tmp_path / ".toque" / "bin").symlink_to(Path(sys.executable).parent)
    yield tmp_path
    api.destroy(kitchen_in(kitchen_folder), MACHINE)


def test_the_guide_leads_to_a_cookbook_that_is_tested_in_the_kitchen(
    home: Path, kitchen_folder: Path
) -> None:
    kitchen = kitchen_in(kitchen_folder)
    require(kitchen, "nspawn")
    environ = {
        **environ_in(kitchen_folder),
        "HOME": str(home),
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    }

    with Terminal(home, environ) as terminal:
        for step in steps(GUIDE):
            if isinstance(step, Command):
                terminal.type(step)
            else:
                step.make(home / "infra" / "motd")

    assert terminal.done.count("toque kitchen test") == 2
    assert MACHINE not in {seen.machine.name for seen in api.all_machines(kitchen)}


def test_reading_and_typing_take_less_than_ten_minutes() -> None:
    print(f"{minutes(GUIDE):.1f} minutes")
    assert minutes(GUIDE) < 10
