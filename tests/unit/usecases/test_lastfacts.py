"""A plan is made early from the facts of last time, and never used when they are others."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from toque import bootstrap
from toque.adapters.memory import MemoryTransport
from toque.errors import BadCookbook
from toque.fleet.node import Node
from toque.node.model import Facts, Report
from toque.node.wire import report_json
from toque.usecases import lastfacts
from toque.usecases import setup as usecase
from toque.usecases.place import Place

FACTS = Facts(hostname="web1", os="debian", release="12", addresses=("192.0.2.1",))
COOKBOOK = """
from toque import Cookbook, File, Recipe

def setup(r: Recipe) -> None:
    with open(r.facts.codename, "a") as made:
        made.write(r.facts.hostname + " ")
    r.add(File("/etc/motd", content=1 / r.facts.cpus and r.facts.hostname))

cookbook = Cookbook("motd", events={"setup": setup})
"""


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A file that gets the host name of each plan that is made; beside it a project."""
    (tmp_path / "toque.toml").write_text(
        '[stack]\nname = "s"\ncookbooks = ["cookbooks"]\n[layers.web]\nsetup = ["motd"]\n'
    )
    package = tmp_path / "cookbooks" / "motd"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(COOKBOOK)
    return tmp_path / "made"


def planned(made: Path, facts: Facts) -> str:
    """The host name in the plan that a node with these facts was sent."""
    told = {"type": "facts", "facts": asdict(replace(facts, codename=str(made)))}
    contents: list[str] = []

    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        stdout.write(json.dumps(told).encode() + b"\n")
        line = stdin.readline()
        if not line:
            return
        order: dict[str, Any] = json.loads(line)
        contents.append(order["plan"]["steps"][0]["fields"]["content"])
        report = Report(order["run"], order["plan"]["name"], order["digest"], "check", ())
        event = {"type": "report", "report": report_json(report)}
        stdout.write(json.dumps(event).encode() + b"\n")

    site = bootstrap.open_site(bootstrap.open_project(made.parent))
    place = Place(Node("web1", "root@192.0.2.1", "web"), MemoryTransport(main, "web1"))
    usecase.plan(site, place, watch=lambda event: None)
    return contents[0]


def test_the_plan_of_the_facts_of_last_time_is_used_when_they_are_told_again(made: Path) -> None:
    assert planned(made, FACTS) == "web1"
    assert planned(made, FACTS) == "web1"

    assert made.read_text().split() == ["web1", "web1"]  # one a run


def test_a_node_that_is_another_now_gets_a_plan_of_its_own(made: Path) -> None:
    planned(made, FACTS)

    assert planned(made, replace(FACTS, hostname="web9")) == "web9"
    assert made.read_text().split() == ["web1", "web1", "web9"]


def test_a_mistake_that_only_the_old_facts_meet_is_not_told(made: Path) -> None:
    with pytest.raises(BadCookbook):
        planned(made, replace(FACTS, cpus=0))

    assert planned(made, FACTS) == "web1"


def test_a_mistake_that_the_node_meets_is_told_each_time(made: Path) -> None:
    for _ in range(2):
        with pytest.raises(BadCookbook, match="division by zero"):
            planned(made, replace(FACTS, cpus=0))


def test_facts_come_back(tmp_path: Path) -> None:
    assert lastfacts.recall(tmp_path, "web1") is None

    lastfacts.remember(tmp_path / "state", "web1", FACTS)

    assert lastfacts.recall(tmp_path / "state", "web1") == FACTS
    assert lastfacts.recall(tmp_path / "state", "web2") is None


@pytest.mark.parametrize("text", ["", "[]", "3", '{"cpus": "two"}', "\x00", "é"])
def test_what_was_altered_is_no_fact(text: str, tmp_path: Path) -> None:
    lastfacts.remember(tmp_path, "web1", FACTS)
    (tmp_path / "facts" / "web1.json").write_text(text)

    assert lastfacts.recall(tmp_path, "web1") is None


def test_a_state_that_cannot_be_written_to_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "facts").write_text("in the way")

    lastfacts.remember(tmp_path, "web1", FACTS)

    assert lastfacts.recall(tmp_path, "web1") is None
