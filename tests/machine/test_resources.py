"""Every resource type on a real machine: the cases of tests/cases, one file a type.

A type has to show what it does when it is present, absent, unmanaged, sensitive and when its tool
is not there, or say in ``NOT`` why there is no such case.  Check mode is part of each of them.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from machine_site import kitchen_in, require
from toque.adapters.shipping import runtime
from toque.errors import ToqueError
from toque.kitchen import api
from toque.kitchen.api import Kitchen
from toque.kitchen.machine import Machine
from toque.node.resources import CLASSES, TYPES

CASES = Path(__file__).parents[1] / "cases"
RUNNER = Path(__file__).parents[1] / "support" / "case_runner.py"
REQUIRED = {"present", "absent", "unmanaged", "sensitive", "absent_tool"}
KINDS = sorted(path.stem for path in CASES.glob("[a-z]*.py"))  # _x.py is shared by some
# Their work needs an app, its code and its server: tests/machine/test_deploy.py,
# test_many_nodes.py,
# test_private_repositories.py and test_postgres_resources.py run them for real.
ELSEWHERE = {
    "checkout",
    "current",
    "deploy_key",
    "drained",
    "earlier",
    "inspection",
    "instance",
    "intact",
    "original",
    "migration",
    "processes",
    "releases",
    "retired",
    "watched",
    "venv",
    "workers",
}

Run = Callable[[str], dict[str, str]]


@pytest.fixture(scope="module")
def run(kitchen_folder: Path) -> Iterator[Run]:
    """Runs the cases of a kind on one machine for all, which has systemd."""
    kitchen = kitchen_in(kitchen_folder)
    require(kitchen, "nspawn")
    carry(api.create(kitchen, "resources", driver="nspawn"))

    try:
        yield lambda kind: cases_of(kind, kitchen, "resources")
    finally:
        api.destroy(kitchen, "resources")


# What differs between the releases of Debian is apt; the rest of the runtime runs on each of
# them in test_pythons.py.
@pytest.fixture(scope="module", params=["bullseye", "trixie"])
def other_release(request: pytest.FixtureRequest, kitchen_folder: Path) -> Iterator[Run]:
    kitchen = kitchen_in(kitchen_folder)
    require(kitchen, "nspawn")
    name = f"resources-{request.param}"
    try:
        carry(api.create(kitchen, name, driver="nspawn", release=request.param))
    except ToqueError as error:
        pytest.skip(f"no machine of {request.param} can be made here: {error}")
    try:
        yield lambda kind: cases_of(kind, kitchen, name)
    finally:
        api.destroy(kitchen, name)


def carry(machine: Machine) -> None:
    """Bring the cases and what runs them to a machine."""
    (machine.root / "root" / "cases.zip").write_bytes(packed())
    (machine.root / "root" / "case_runner.py").write_bytes(RUNNER.read_bytes())


def cases_of(kind: str, kitchen: Kitchen, machine: str) -> dict[str, str]:
    """What came of each case of a kind on a machine."""
    words = ("python3", "-I", "-S", "-X", "utf8", "/root/case_runner.py", "/root/cases.zip", kind)
    done = api.execute(kitchen, machine, words)
    assert done.returncode == 0, done.stderr
    said: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return said


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
    judge(kind, run(kind))


@pytest.mark.timeout(1800)  # makes the image of a release that was not used before
@pytest.mark.parametrize("kind", ["apt_pin", "apt_repository", "package"])
def test_cases_of_apt_on_other_releases(kind: str, other_release: Run) -> None:
    judge(kind, other_release(kind))


def judge(kind: str, said: dict[str, str]) -> None:
    failed = {name: words for name, words in said.items() if words != "ok"}

    print(f"{kind}: {len(said) - len(failed)}/{len(said)} cases")
    assert not failed, "\n".join(f"--- {name}\n{words}" for name, words in failed.items())
    assert set(said) == functions_of(kind), "a case did not run"


@pytest.mark.parametrize("kind", sorted(set(CLASSES) - ELSEWHERE))
def test_every_kind_has_its_cases(kind: str) -> None:
    assert kind in KINDS, f"there is no tests/cases/{kind}.py"
    missing = REQUIRED - functions_of(kind) - set(reasons(kind))

    assert not missing, f"tests/cases/{kind}.py has neither case nor reason for {missing}"


# What a name says by itself, the same in every type.
PLAIN = {"absent", "group", "mode", "name", "owner", "path", "port", "user"}


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_every_kind_says_what_its_fields_mean(kind: str) -> None:
    """The docstring is the page in the reference."""
    declared = TYPES[kind]
    words = set(re.findall(r"\w+", declared.__doc__ or ""))

    assert {field.name for field in fields(declared)} - words - PLAIN == set()


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
