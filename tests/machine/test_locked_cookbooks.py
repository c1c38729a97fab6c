"""Cookbooks with dependencies on a real node: what is locked is used, and said afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cookbook_repository import manifest, wheel
from machine_site import toque
from small_project import small_project

RECIPE = """\
import tiny
from toque import Cookbook, File, Recipe

def setup(r: Recipe) -> None:
    r.add(File("/etc/tiny", content=tiny.VERSION))

cookbook = Cookbook("thin_book", events={"setup": setup})
"""
POINT = 'thin_book = "thin_book"'


@pytest.mark.requirement("R46", "R62")
def test_a_node_runs_what_is_locked_and_is_named_when_it_last_ran_another(
    kitchen_folder: Path, tmp_path: Path
) -> None:
    with small_project(kitchen_folder, tmp_path, "locked", cookbook="thin_book") as project:
        for version in ("1.0", "2.0"):
            wheel(tmp_path, "tiny", version)
        project.environ.update(
            UV_FIND_LINKS=str(tmp_path), UV_OFFLINE="1", UV_CACHE_DIR=str(tmp_path / "cache")
        )
        project.write(RECIPE)
        manifest(project.package, "thin", ["tiny"], points=POINT)

        def say(*argv: str) -> dict[str, Any]:
            done = toque([*argv, "--json"], project.directory, project.environ)
            assert done.returncode == 0, done.stdout + done.stderr
            told: dict[str, Any] = json.loads(done.stdout)
            return told

        def behind() -> object:
            return say("status", "--on", "web1")["nodes"][0]["definitions"]

        assert project.converge(status=2)["error"]["code"] == "cookbooks-not-locked"
        first = say("lock")["lock"]
        assert project.told("plan")["made_from"]["lock"] == first
        report = project.converge()["report"]
        assert report["made_from"]["lock"] == first
        assert project.sh("cat /etc/tiny") == "2.0"
        assert behind() == {}

        manifest(project.package, "thin", ["tiny<2"], points=POINT)
        second = say("lock")["lock"]
        assert behind() == {"setup": [f"lock {first}, here {second}"]}
        project.converge()

        assert project.sh("cat /etc/tiny") == "1.0"
        assert behind() == {}
        runs = say("runs", "web1")["nodes"][0]["runs"]
        assert [run["made_from"]["lock"] for run in runs] == [first, second]
