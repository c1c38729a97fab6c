"""``toque verify``: which checks, against what, and how it ends."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toque.cli import main
from toque.kitchen.process import with_argument

Run = Callable[..., tuple[int, Any]]

GOOD = "def test_root(machine):\n    assert machine.user('root').uid == 0\n"
BAD = "def test_root(machine):\n    assert machine.user('root').uid == 1\n"
KITCHEN = '[suites.default]\nverify = "checks"\n'


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in a folder with checks; its status and its last line as JSON."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOQUE_KITCHEN_DIR", str(tmp_path / "kitchen"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")

    def verify(*words: str, check: str = GOOD) -> tuple[int, Any]:
        (tmp_path / "checks").mkdir(exist_ok=True)
        (tmp_path / "checks" / "test_it.py").write_text(check)
        with pytest.raises(SystemExit) as ended:
            main(["verify", *words, "--json"])
        return int(str(ended.value.code)), json.loads(capsys.readouterr().out.splitlines()[-1])

    return verify


@pytest.mark.slow
def test_checks_of_the_suite_and_those_that_are_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "kitchen.toml").write_text(KITCHEN)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "test_more.py").write_text(BAD)

    good, said = run("local", "--junit", "report.xml")
    bad, other = run("local", "--checks", "other", "--junit", "bad.xml")

    assert (good, said["ok"], said["nodes"][0]["node"]) == (0, True, "local")
    assert said["nodes"][0]["results"][0]["id"] == "test_it.py::test_root"
    assert (bad, other["ok"]) == (5, False)
    assert other["nodes"][0]["results"][0]["outcome"] == "failed"
    suites = [ET.parse(tmp_path / name).getroot()[0] for name in ("report.xml", "bad.xml")]
    assert [(s.get("name"), s.get("failures")) for s in suites] == [("local", "0"), ("local", "1")]


@pytest.mark.slow
@pytest.mark.requirement("R15")
def test_a_suite_without_an_assertion_ends_with_5(run: Run) -> None:
    status, said = run("local", "--checks", "checks", check="def test_nothing(machine): ...\n")

    assert (status, said["ok"]) == (5, False)
    assert (said["nodes"][0]["checks"], said["nodes"][0]["empty"]) == (0, 1)


@pytest.mark.slow
def test_a_check_that_hangs_ends_the_command(run: Run) -> None:
    check = "import time\ndef test_it(machine):\n    machine.run('sleep', '99.98')\n"

    status, said = run("local", "--checks", "checks", "--limit", "1", check=check)

    assert (status, said["nodes"][0]["results"][0]["outcome"]) == (5, "failed")
    assert with_argument("99.98") == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("local",), "kitchen-no-file"),
        (("kitchen:nobody", "--checks", "checks"), "kitchen-no-machine"),
        (("local", "--checks", "nowhere"), "kitchen-no-checks"),
        (("--checks", "checks"), "no-target"),
        (("--junit", "report.xml"), "no-target"),
        (("local", "--checks", "checks", "--limit", "0"), "usage"),
    ],
)
def test_what_is_asked_wrongly(run: Run, words: tuple[str, ...], code: str) -> None:
    status, said = run(*words)

    assert said["error"]["code"] == code
    assert status == (5 if code == "kitchen-no-checks" else 2)


@pytest.mark.slow
def test_a_report_that_cannot_be_written_is_told(run: Run) -> None:
    status, said = run("local", "--checks", "checks", "--junit", "nowhere/report.xml")

    assert (status, said["error"]["code"]) == (2, "file-unwritable")


def test_a_layer_without_a_node_is_not_a_good_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "toque.toml").write_text('[stack]\nname = "x"\n[layers.web]\nsetup = []\n')

    status, said = run("web", "--checks", "checks")

    assert (status, said["error"]["code"]) == (2, "no-target")


@pytest.mark.slow
def test_the_status_of_several_nodes_is_the_largest(run: Run, tmp_path: Path) -> None:
    """One that cannot be reached and one whose checks fail: 5 of 4 and 5; all are told."""
    (tmp_path / "toque.toml").write_text(
        '[stack]\nname = "x"\n[layers.web]\nsetup = []\n'
        '[nodes.here]\naddress = "local"\nlayer = "web"\n'
        '[nodes.gone]\naddress = "root@127.0.0.1"\nport = 1\nlayer = "web"\n'
    )

    good, there = run("web", "--checks", "checks")
    bad, said = run("web", "--checks", "checks", "--junit", "report.xml", check=BAD)

    assert (good, there["nodes"][0]["ok"]) == (4, True)
    assert (bad, said["exit"]) == (5, 5)
    assert said["nodes"][0]["failed"] == 1
    assert said["nodes"][1]["error"]["code"] == "host-unreachable"
    assert [suite.get("name") for suite in ET.parse(tmp_path / "report.xml").getroot()] == ["here"]


def test_without_a_target_it_looks_at_the_lock(run: Run, tmp_path: Path) -> None:
    (tmp_path / "toque.toml").write_text('[stack]\nname = "x"\n')

    assert run() == (0, {"lock": run()[1]["lock"], "packages": 0})
