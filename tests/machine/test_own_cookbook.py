"""A newcomer's path, word for word: docs/guides/own-cookbook.md on an empty folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine_site import environ_in, kitchen_in, require
from source_tree import ROOT
from toque.kitchen import api
from typed_guide import Command, minutes, steps

pytestmark = pytest.mark.timeout(400)
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
    done = []

    with subprocess.Popen(
        ["bash", "--norc"],
        cwd=home,
        env=environ,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as shell:  # one for all: cd and export last
        assert shell.stdin is not None
        assert shell.stdout is not None
        for step in steps(GUIDE):
            if not isinstance(step, Command):
                step.make(home / "infra" / "motd")
                continue
            shell.stdin.write(f'{step.words}\necho "--- $?"\n')
            shell.stdin.flush()
            said = []
            while not (line := shell.stdout.readline()).startswith("--- "):
                assert line, f"the shell has ended: {said}"
                said.append(line)
            output = "".join(said)
            assert (line != "--- 0\n") is step.fails, f"{step.words}: {line}{output}"
            for wanted in step.output:
                assert wanted in output, f"{step.words} does not say {wanted!r}: {output}"
            done.append(step.words)
        shell.stdin.close()

    assert done.count("toque kitchen test") == 2
    assert MACHINE not in {seen.machine.name for seen in api.all_machines(kitchen)}


def test_reading_and_typing_take_less_than_ten_minutes() -> None:
    print(f"{minutes(GUIDE):.1f} minutes")
    assert minutes(GUIDE) < 10
