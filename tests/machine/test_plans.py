"""Plans that are agreed on, drift, and what a node remembers, by the commands a person uses."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from machine_site import environ_in, kitchen_in, require, toque
from toque.kitchen import api

PROJECT = """\
[stack]
name = "plans"
cookbooks = ["pages"]

[layers.web]
setup = ["pages"]

[nodes.web1]
address = "kitchen:plans"
layer = "web"
"""

RECIPE = """\
from toque import Command, Cookbook, Directory, File, Link, Recipe

def setup(r: Recipe) -> None:
    r.add(Directory("/srv/plans"))
    r.add(File("/srv/plans/motd", content="hello\\nworld\\n", mode=0o640))
    r.add(Command(("/bin/sh", "-c", "echo x >>/srv/plans/count"), name="count", always=True))
    r.add(File("/srv/plans/late", content="late\\n"))
    r.add(Link("/srv/plans/link", "motd"))

cookbook = Cookbook("pages", events={"setup": setup})
"""


@dataclass(frozen=True)
class Lab:
    """A project of one small cookbook beside its machine; ``root`` is the machine's tree."""

    directory: Path
    environ: dict[str, str]
    root: Path

    def toque(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return toque(argv, self.directory, self.environ)

    def json(self, *argv: str, status: int = 0) -> dict[str, Any]:
        done = self.toque(*argv, "--json")
        assert done.returncode == status, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def put(self, name: str, text: str) -> None:
        (self.root / "srv" / "plans" / name).write_text(text)

    def read(self, name: str) -> str:
        return (self.root / "srv" / "plans" / name).read_text()

    def inside(self, *argv: str) -> str:
        kitchen = kitchen_in(Path(self.environ["TOQUE_KITCHEN_DIR"]))
        done = api.execute(kitchen, "plans", list(argv))
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()


@pytest.fixture(scope="module")
def lab(kitchen_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    kitchen = kitchen_in(kitchen_folder)
    require(kitchen, "nspawn")
    machine = api.create(kitchen, "plans", driver="nspawn")
    directory = tmp_path_factory.mktemp("plans")
    (directory / "toque.toml").write_text(PROJECT)
    (directory / "pages").mkdir()
    (directory / "pages" / "__init__.py").write_text(RECIPE)
    try:
        yield Lab(directory, environ_in(kitchen_folder), machine.root)
    finally:
        api.destroy(kitchen, "plans")


def test_plan_applies_exactly_once_and_is_refused_on_a_node_that_moved(lab: Lab) -> None:
    planned = lab.json("plan", "web1", "--out", "first.json")["plans"][0]
    assert (lab.directory / "first.json").stat().st_mode & 0o777 == 0o600

    applied = lab.json("converge", "--plan", "first.json")["nodes"][0]["report"]

    would = [o["step"] for o in planned["report"]["outcomes"] if o["status"] == "would-change"]
    done = [o["step"] for o in applied["outcomes"] if o["status"] == "changed"]
    assert (would, planned["digest"]) == (done, applied["digest"])
    assert len(done) == 5

    again = lab.json("converge", "--plan", "first.json", status=5)["error"]
    assert again["code"] == "plan-moved"
    assert any("file:/srv/plans/motd" in line for line in again["log"])


def test_one_part_that_moved_is_named_and_nothing_is_changed(lab: Lab) -> None:
    lab.toque("converge", "web1")
    lab.put("motd", "edited\n")
    lab.toque("plan", "web1", "--out", "second.json")
    lab.put("motd", "edited again\n")
    before = lab.read("count")

    error = lab.json("converge", "--plan", "second.json", status=5)["error"]

    assert error["code"] == "plan-moved"
    assert [line.split(" ")[0] for line in error["log"]] == ["file:/srv/plans/motd"]
    assert "another content" in error["log"][0]
    assert (lab.read("motd"), lab.read("count")) == ("edited again\n", before)


def test_edited_plan_is_refused_before_anything_is_asked_of_the_node(lab: Lab) -> None:
    lab.toque("plan", "web1", "--out", "third.json")
    text = (lab.directory / "third.json").read_text()
    (lab.directory / "third.json").write_text(text.replace("hello", "hullo"))

    error = lab.json("converge", "--plan", "third.json", status=2)["error"]

    assert (error["code"], "edited" in error["found"]) == ("bad-plan-file", True)


def test_drift_is_told_and_undone_whatever_the_cookbook_says_by_now(lab: Lab) -> None:
    lab.toque("converge", "web1")
    count = lab.read("count")
    lab.put("motd", "drifted\n")
    (lab.root / "srv/plans/link").unlink()
    recipe = lab.directory / "pages" / "__init__.py"
    recipe.write_text(RECIPE.replace("world", "another world"))
    try:
        told = lab.json("drift", "web1")["nodes"][0]
        assert told["drifted"] == ["file:/srv/plans/motd", "link:/srv/plans/link"]
        assert lab.read("motd") == "drifted\n"

        undone = lab.json("drift", "web1", "--undo")["nodes"][0]
        assert undone["drifted"] == told["drifted"]
        assert lab.read("motd") == "hello\nworld\n"
        assert (lab.root / "srv/plans/link").readlink() == Path("motd")
        assert lab.json("drift", "web1")["nodes"][0]["drifted"] == []
    finally:
        recipe.write_text(RECIPE)
    assert lab.read("count") == count  # a command is no state, so it is not run again


def test_runs_are_told_by_the_node_to_the_controller_and_on_the_node_itself(lab: Lab) -> None:
    lab.toque("converge", "web1")
    lab.put("motd", "edited\n")
    report = lab.json("converge", "web1")["nodes"][0]["report"]

    listed = lab.json("runs", "web1")["nodes"][0]["runs"]
    assert listed[-1]["run"] == report["run"]
    assert "succeeded, 1 changed" in lab.toque("runs", "web1").stdout
    shown = lab.json("runs", "show", report["run"])
    assert shown["report"] == report
    assert "~ mode" not in lab.toque("runs", "show", report["run"]).stdout
    assert "-edited" in lab.toque("runs", "show", report["run"], "web1").stdout
    unknown = lab.json("runs", "show", "20010101T000000-000000", status=2)["error"]
    assert unknown["code"] == "run-unknown"

    last = lab.inside("toque-node", "last")
    assert last.startswith(report["run"])
    assert "changed   file:/srv/plans/motd" in last
    assert "-edited" in last
    assert report["run"] in lab.inside("toque-node", "log")
    assert "ok        link:/srv/plans/link" in lab.inside("toque-node", "log", report["run"])
    assert json.loads(lab.inside("toque-node", "facts"))["codename"] == "bookworm"
