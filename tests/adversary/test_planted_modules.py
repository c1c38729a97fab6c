"""What lies around where a program starts is not run by it (PR-5).

Modules in the current directory and in the home, ``PYTHON*`` variables, programs in front of
``PATH`` and configuration with a dot: each leaves a mark when it is run or read.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from toque.adapters import shipping
from toque.adapters.local import PYTHON, LocalTransport
from toque.node.model import Plan, Step
from toque.usecases import converge as carry
from toque.usecases.converge import Parcel

MODULES = (
    "json",
    "sitecustomize",
    "usercustomize",
    "struct",
    "secrets",
    "toque_node",
    "subprocess",
)
PROGRAMS = ("python3", "dpkg", "systemctl", "id", "uname", "apt-get", "sh", "getent")

pytestmark = pytest.mark.skipif(not os.access(PYTHON, os.X_OK), reason=f"there is no {PYTHON}")


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory that marks appear in; the current directory and all else is planted."""
    marks, home, tools = (tmp_path / name for name in ("marks", "home", "tools"))
    site = home / ".local/lib/python3.11/site-packages"
    for folder in (marks, site, tools):
        folder.mkdir(parents=True)
    text = f"open({str(marks)!r} + '/' + __name__, 'w').close()\n"
    for folder in (tmp_path, home, site, tools):
        for name in MODULES:
            (folder / f"{name}.py").write_text(text)
    (tmp_path / "startup.py").write_text(text)
    for name in PROGRAMS:
        (tools / name).write_text(f"#!/bin/sh\ntouch {marks}/{name}\nexit 0\n")
        (tools / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "HOME": str(home),
        "PYTHONPATH": f"{tmp_path}:{tools}",
        "PYTHONSTARTUP": str(tmp_path / "startup.py"),
        "PYTHONINSPECT": "1",
        "PYTHONUSERBASE": str(home / ".local"),
        "PATH": f"{tools}:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": str(tools),
    }.items():
        monkeypatch.setenv(name, value)
    return marks


def test_programs_that_are_not_careful_run_what_is_planted(planted: Path) -> None:
    """The twin: else nothing would have been found below."""
    subprocess.run([PYTHON, "-c", "import json"], check=True, stdin=subprocess.DEVNULL)
    subprocess.run(["dpkg", "--version"], check=True)

    assert {"json", "dpkg"} <= {path.name for path in planted.iterdir()}


def test_runtime_of_a_node_runs_nothing_that_is_planted(planted: Path, tmp_path: Path) -> None:
    """As in a session: sent, unpacked, asked for facts, given a plan that starts a program."""
    transport = LocalTransport(state=str(tmp_path / "state"))
    fields = {"argv": ["uname", "-s"], "always": True}
    plan = Plan("planted", (Step("command:a", "command", fields),))

    report = carry.converge(transport, Parcel(plan), by="ada", watch=lambda event: None)

    assert [outcome.status.value for outcome in report.outcomes] == ["changed"]
    assert [path.name for path in planted.iterdir()] == []


def test_command_line_runs_nothing_that_lies_in_the_project(
    planted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``PYTHONPATH`` is its user's own; the current directory is anybody's who sent a project."""
    for name in [name for name in os.environ if name.startswith(("PYTHON", "LD_"))]:
        monkeypatch.delenv(name)
    toque = Path(sys.executable).parent / "toque"

    done = subprocess.run([toque, "plan", "--json"], capture_output=True, text=True)

    assert json.loads(done.stdout)["error"]["code"] == "no-project", done.stderr
    assert [path.name for path in planted.iterdir()] == []


def test_python_on_a_node_is_isolated() -> None:
    assert {"-I", "-S"} <= set(shipping.python_command())
