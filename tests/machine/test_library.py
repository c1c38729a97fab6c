"""Every cookbook of the library passes its own suite, by the command that its reader would run.

On the oldest and the newest Debian; with TOQUE_LIBRARY=all on bookworm as well, which all other
tests use.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import toque.library
from machine_site import environ_in, kitchen_in, require
from machine_site import toque as command
from toque.kitchen import api

pytestmark = pytest.mark.timeout(900)

LIBRARY = Path(toque.library.__file__).parent
COOKBOOKS = sorted(file.parent.name for file in LIBRARY.glob("*/kitchen.toml"))
RELEASES = ("bullseye", "trixie")
if os.environ.get("TOQUE_LIBRARY") == "all":
    RELEASES = ("bullseye", "bookworm", "trixie")


@pytest.fixture(scope="module")
def copied(kitchen_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library as it lies in a checkout: a suite writes what it keeps beside its project."""
    require(kitchen_in(kitchen_folder), "nspawn")
    place = tmp_path_factory.mktemp("checkout") / "src" / "toque" / "library"
    shutil.copytree(
        LIBRARY, place, ignore=shutil.ignore_patterns("__pycache__", ".toque", "secrets")
    )
    return place


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", COOKBOOKS)
def test_its_suite_passes(
    name: str,
    release: str,
    copied: Path,
    kitchen_folder: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """Converge, converge again with nothing changed, checks, a reboot, checks."""
    done = command(
        ["kitchen", "test", f"*{release}", "--driver", "nspawn", "--json"],
        copied / name, environ_in(kitchen_folder), timeout_s=800,
    )  # fmt: skip
    try:
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        said = json.loads(done.stdout.splitlines()[-1])["instances"]
        assert said
        for one in said:
            record_property(
                "figure", f"{name} {one['instance']}: {one['summary']}, {one['seconds']} s"
            )
            assert (one["ok"], one["failed"], one["skipped"]) == (True, 0, 0)
    finally:
        kitchen = kitchen_in(kitchen_folder)
        for machine in kitchen.store.names():
            if machine.startswith(name.replace("_", "-")):
                api.destroy(kitchen, machine)


def test_every_cookbook_has_a_suite_and_a_page() -> None:
    cookbooks = {file.parent.name for file in LIBRARY.glob("*/__init__.py")}

    assert cookbooks
    assert cookbooks == set(COOKBOOKS)
    assert all((LIBRARY / name / "README.md").is_file() for name in cookbooks)
