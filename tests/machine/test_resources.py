"""Every resource type on a real machine: the cases of tests/cases, one file a type.

A type has to show what it does when it is present, absent, unmanaged, sensitive and when its tool
is not there, or say in ``NOT`` why there is no such case.  Check mode is part of each of them.
"""

from __future__ import annotations

import ast
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from machine_site import kitchen_in, require
from toque.adapters.shipping import runtime
from toque.kitchen import api
from toque.node.resources import CLASSES

CASES = Path(__file__).parents[1] / "cases"
RUNNER = Path(__file__).parents[1] / "support" / "case_runner.py"
REQUIRED = {"present", "absent", "unmanaged", "sensitive", "absent_tool"}
KINDS = sorted(path.stem for path in CASES.glob("[a-z]*.py"))  # _x.py is shared by some
# Their work needs an app, its code and its server: tests/machine/test_deploy.py and
# test_postgres_resources.py run them for real.
ELSEWHERE = {"checkout", "current", "instance", "releases", "retired", "venv"}
# Types that are older than this test: each leaves this list with its file of cases.
OWED = {
    "service",
    "unit",
}

Run = Callable[[str], dict[str, str]]


@pytest.fixture(scope="module")
def run(kitchen_folder: Path) -> Iterator[Run]:
    """Runs the cases of a kind on one machine for all, which has systemd."""
    kitchen = kitchen_in(kitchen_folder)
    require(kitchen, "nspawn")
    machine = api.create(kitchen, "resources", driver="nspawn")
    archive = machine.root / "root" / "cases.zip"
    archive.write_bytes(packed())
    (machine.root / "root" / "case_runner.py").write_bytes(RUNNER.read_bytes())

    def run(kind: str) -> dict[str, str]:
        argv = [
            "python3",
            "-I",
            "-S",
            "-X",
            "utf8",
            "/root/case_runner.py",
            "/root/cases.zip",
            kind,
        ]
        done = api.execute(kitchen, "resources", argv)
        assert done.returncode == 0, done.stderr
        said: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
        return said

    try:
        yield run
    finally:
        api.destroy(kitchen, "resources")


def packed() -> bytes:
    """The runtime and the cases in one archive that Python imports from."""
    memory = io.BytesIO(runtime().data)
    with zipfile.ZipFile(memory, "a") as archive:
        archive.writestr("toque_cases/__init__.py", "")
        for path in sorted(CASES.glob("*.py")):
            archive.writestr(f"toque_cases/{path.name}", path.read_bytes())
    return memory.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_cases(kind: str, run: Run) -> None:
    said = run(kind)
    failed = {name: words for name, words in said.items() if words != "ok"}

    print(f"{kind}: {len(said) - len(failed)}/{len(said)} cases")
    assert not failed, "\n".join(f"--- {name}\n{words}" for name, words in failed.items())
    assert set(said) == functions_of(kind), "a case did not run"


@pytest.mark.parametrize("kind", sorted(set(CLASSES) - ELSEWHERE - OWED))
def test_every_kind_has_its_cases(kind: str) -> None:
    assert kind in KINDS, f"there is no tests/cases/{kind}.py"
    missing = REQUIRED - functions_of(kind) - set(reasons(kind))

    assert not missing, f"tests/cases/{kind}.py has neither case nor reason for {missing}"


@pytest.mark.parametrize("kind", KINDS)
def test_reasons_are_not_given_for_what_is_there(kind: str) -> None:
    assert not set(reasons(kind)) & functions_of(kind)
    assert all(len(reason) > 15 for reason in reasons(kind).values())


def functions_of(kind: str) -> set[str]:
    tree = ast.parse((CASES / f"{kind}.py").read_text())
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return {name for name in names if not name.startswith("_")}


def reasons(kind: str) -> dict[str, str]:
    """``NOT`` of the kind's cases."""
    for node in ast.parse((CASES / f"{kind}.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NOT":
            found: dict[str, str] = ast.literal_eval(node.value)
            return found
    return {}
