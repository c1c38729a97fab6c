"""The second look at tests that failed beside others: what it says, and what it must not hide."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/unsteady.py"
ONCE = """
import pathlib
def test_{name}():
    seen = pathlib.Path(__file__).with_suffix(".{name}")
    first = not seen.exists()
    seen.touch()
    assert not first, "planted in {name}"
"""
XDIST = ("-p", "xdist", "-n", "2")
HEADING = "unsteady: failed beside others, passed alone"


def once(*names: str) -> str:
    return "".join(ONCE.format(name=name) for name in names)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\naddopts = "--import-mode=importlib"\n'
    )
    for folder in ("machine", "adversary", "unit"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
        (tmp_path / "tests" / folder / "test_well.py").write_text("def test_well(): pass\n")
    return tmp_path


def run(project: Path, *arguments: str) -> tuple[int, str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # of which none is needed; it costs a second
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "tests", *arguments],
        cwd=project, env=environ, capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_what_passes_alone_is_green_and_said_at_the_very_end(project: Path):
    (project / "tests/machine/test_slow.py").write_text(once("one", "two"))
    (project / "tests/adversary/test_slow.py").write_text(once("three"))

    status, said = run(project, *XDIST)

    assert status == 0, said
    last = said[said.index(HEADING) :].splitlines()
    assert {line for line in last if "::" in line} == {
        "tests/machine/test_slow.py::test_one", "tests/machine/test_slow.py::test_two",
        "tests/adversary/test_slow.py::test_three",
    }  # fmt: skip
    assert any("planted in three" in line for line in last)
    assert "bug" in last[-1]


def test_what_fails_alone_too_is_red(project: Path):
    text = once("one") + "def test_wrong():\n    assert False, 'always'\n"
    (project / "tests/machine/test_slow.py").write_text(text)

    status, said = run(project)

    assert status == 1
    assert HEADING not in said
    assert "and again alone" in said


SKIPS = """
import pathlib, pytest
def test_skips():
    seen = pathlib.Path(__file__).with_suffix(".seen")
    if seen.exists():
        pytest.skip("not today")
    seen.touch()
    assert False
"""
DIES = "import os\ndef test_dies():\n    os._exit(3)\n"
NOT_HIDDEN = {
    "more than three": {"tests/machine/test_a.py": once("a", "b", "c", "d")},
    "a unit test": {"tests/machine/test_a.py": once("a"), "tests/unit/test_b.py": once("b")},
    "a file that cannot be read": {
        "tests/machine/test_a.py": once("a"), "tests/machine/test_b.py": "import nothing_there\n",
    },
    "a crash": {"tests/machine/test_a.py": DIES},
    "a crash beside": {"tests/machine/test_a.py": once("a"), "tests/adversary/test_b.py": DIES},
    "a skip": {"tests/machine/test_a.py": SKIPS},
    "an error of pytest": {
        "tests/machine/test_a.py": once("a"),
        "conftest.py": "def pytest_sessionfinish(): raise RuntimeError('planted')\n",
    },
}  # fmt: skip


@pytest.mark.parametrize("what", NOT_HIDDEN)
def test_nothing_else_is_hidden(project: Path, what: str):
    for name, text in NOT_HIDDEN[what].items():
        (project / name).write_text(text)

    status, said = run(project, *(XDIST if "crash" in what else ()))

    assert status != 0, said
    assert HEADING not in said


EARLY = {"-x": "", "--continue-on-collection-errors": "import nothing_there\n"}


@pytest.mark.parametrize("argument", EARLY)
def test_a_run_that_left_something_out_is_red(project: Path, argument: str):
    (project / "tests/machine/test_a.py").write_text(once("a"))
    (project / "tests/machine/test_b.py").write_text(EARLY[argument])

    status, said = run(project, argument)

    assert status != 0, said
    assert HEADING not in said


def test_no_test_failed_is_pytests_own_status(project: Path):
    assert run(project)[0] == 0
    assert run(project, "-k", "nothing_of_this_name")[0] == 5
