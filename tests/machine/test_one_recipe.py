"""One recipe by its name, on the node that one names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from machine_site import toque
from small_project import small_project

RECIPES = """\
from toque import Cookbook, File, Recipe

def setup(r: Recipe) -> None:
    r.add(File("/etc/from-setup", content="x"))

def configure(r: Recipe) -> None:
    r.add(File("/etc/from-configure", content="x"))

cookbook = Cookbook("small", events={"setup": setup, "configure": configure})
"""
OTHER = """
[nodes.web2]
address = "root@192.0.2.1"
layer = "web"
"""


@pytest.mark.requirement("R61")
def test_one_recipe_runs_by_name_on_one_node_and_is_recorded(
    kitchen_folder: Path, tmp_path: Path
) -> None:
    with small_project(kitchen_folder, tmp_path, "one-recipe") as project:
        project.write(RECIPES)
        with (project.directory / "toque.toml").open("a") as file:
            file.write(OTHER)  # nobody is there: it would be an error to ask it

        report = project.told("converge", "small::configure")["report"]

        assert [one["step"] for one in report["outcomes"]] == ["file:/etc/from-configure"]
        assert project.sh("ls /etc | grep ^from-").split() == ["from-configure"]
        done = toque(["runs", "web1", "--json"], project.directory, project.environ)
        (run,) = json.loads(done.stdout)["nodes"][0]["runs"]
        assert run["plan"] == "setup web1 small::configure"
