"""Rules that the files of the repository keep, whatever the code does."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import toque
from source_tree import ROOT

SCRIPTS = sorted(p for p in (ROOT / "scripts").iterdir() if os.access(p, os.X_OK) and p.is_file())
PYPROJECT = (ROOT / "pyproject.toml").read_text()
SETTINGS = tomllib.loads(PYPROJECT)
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
KINDS = {"feature", "bugfix", "removal", "doc", "misc"}
# In two halves, so that this file passes its own check.
REGISTRIES = [
    "pypi." + "org",
    "files." + "pythonhosted",
    "registry." + "npmjs",
    "deb." + "debian",
    "security." + "debian.org",
    "archive." + "ubuntu",
    "proxy." + "golang",
]


def files() -> list[Path]:
    """What git holds or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_names_the_host_of_a_package_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {host}"
        for path in files()
        for host in REGISTRIES
        if host.encode() in path.read_bytes()
    ]

    assert found == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_explains_itself(script: Path) -> None:
    result = subprocess.run(
        [script, "--help"], capture_output=True, text=True, timeout=10, check=False
    )

    assert result.returncode == 0
    assert result.stdout.startswith(f"usage: scripts/{script.name}")
    assert result.stderr == ""


def test_all_the_scripts_are_there() -> None:
    names = {path.name for path in SCRIPTS}

    assert {"setup", "demo", "test", "check", "docs", "bench", "lock", "picture"} <= names


def test_ci_runs_only_what_the_readme_tells() -> None:
    readme = (ROOT / "README.md").read_text()
    commands = set(re.findall(r"scripts/\w+", (ROOT / ".ci" / "run").read_text()))

    assert commands == {"scripts/test", "scripts/check"}
    assert all(command in readme for command in commands)


def listed(table: str, key: str) -> list[str]:
    """The lines of a list in pyproject.toml, as text: comments count here."""
    section = PYPROJECT.split(f"\n[{table}]\n", 1)[1].split("\n[", 1)[0]
    body = re.search(rf"^\"?{re.escape(key)}\"? = \[\n(.*?)^\]", section, re.M | re.S)
    assert body is not None, f"no list {key} in [{table}]"
    return body[1].splitlines()


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("project", "dependencies"),
        *(
            ("project.optional-dependencies", e)
            for e in SETTINGS["project"]["optional-dependencies"]
        ),
        ("tool.ruff.lint", "ignore"),
        *(
            ("tool.ruff.lint.per-file-ignores", pattern)
            for pattern in SETTINGS["tool"]["ruff"]["lint"]["per-file-ignores"]
        ),
    ],
)
def test_each_dependency_and_each_exception_has_its_reason(table: str, key: str) -> None:
    assert [line for line in listed(table, key) if "  # " not in line] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_pin_has_a_hash_and_no_line_an_address(lock: Path) -> None:
    text = lock.read_text()
    pins = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", text, re.M | re.S)

    assert "://" not in text
    assert not re.search(r"^-", text, re.M), "an option of the index, or an editable"
    assert [pin.splitlines()[0] for pin in pins if "--hash=sha256:" not in pin] == []


def test_every_dependency_is_pinned() -> None:
    extras = SETTINGS["project"]["optional-dependencies"]
    runtime = SETTINGS["project"]["dependencies"]

    for name, wanted in [
        ("runtime", runtime),
        ("dev", [*runtime, *extras["kitchen"], *extras["dev"]]),
    ]:
        pinned = set(re.findall(r"^([a-z0-9._-]+)==", LOCKS_BY_NAME[name], re.M))
        asked = {re.split(r"[\[<>=~ ]", one)[0] for one in wanted} - {"toque"}
        assert asked <= pinned, "run scripts/lock"


LOCKS_BY_NAME = {path.stem: path.read_text() for path in LOCKS}


def test_changes_are_named_for_their_kind_and_say_something() -> None:
    notes = [path for path in (ROOT / "changes").iterdir() if path.name != "README.md"]
    name = re.compile(rf"[a-z0-9][a-z0-9-]*\.({'|'.join(sorted(KINDS))})\.md")

    assert [path.name for path in notes if not name.fullmatch(path.name)] == []
    assert [path.name for path in notes if not path.read_text().strip().endswith(".")] == []


def test_public_names_are_those_that_the_package_lists() -> None:
    assert toque.__all__ == sorted(toque.__all__)
    assert set(toque.__all__) <= set(dir(toque))
    for name in toque.__all__:
        assert getattr(toque, name) is not None


def test_the_version_is_one() -> None:
    assert toque.__version__ == SETTINGS["project"]["version"]


def test_an_installed_toque_has_the_examples_that_its_demo_deploys() -> None:
    inside = SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    assert inside == {"examples": "toque/examples"}
    assert (ROOT / "examples" / "thena" / "wsgi.py").is_file()
