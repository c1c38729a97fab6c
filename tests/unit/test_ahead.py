"""Connecting before the command line is read: for nodes it plainly names, and never wrongly."""

import json
import os
from pathlib import Path

import pytest

from toque import ahead as module
from toque import redial
from toque.ahead import Ahead
from toque.errors import Unreachable

PROJECT = """
[stack]
name = "site"

[layers.web]

[nodes.web1]
address = "root@192.0.2.1"
layer = "web"

[nodes.web2]
address = "root@192.0.2.2"
layer = "web"
"""


def begin(arguments: list[str]) -> Ahead:
    """What the program does with a command line first of all."""
    return module.begin(arguments, redial.begin(arguments))


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a project, with an ssh that writes where it was to go into this file, and fails."""
    log = tmp_path / "started"
    log.touch()
    (tmp_path / "toque.toml").write_text(PROJECT)
    programs = tmp_path / "bin"
    programs.mkdir()
    ssh = programs / "ssh"
    ssh.write_text(f'#!/bin/sh\nfor word; do where=$was was=$word; done\necho "$where" >>{log}\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return log


def test_what_was_begun_is_what_a_session_goes_on_with(started: Path) -> None:
    ahead = begin(["converge", "web1"])

    with pytest.raises(Unreachable):
        ahead.places["web1"].transport.open(["facts"])

    assert list(ahead.places) == ["web1"]
    assert started.read_text().split() == ["192.0.2.1"]


def test_what_memory_began_is_gone_on_with(started: Path) -> None:
    for _ in range(2):
        with pytest.raises(Unreachable):
            begin(["converge", "web1"]).places["web1"].transport.open(["facts"])

    assert started.read_text().split() == ["192.0.2.1"] * 2  # one for each run


def test_a_layer_means_all_its_nodes(started: Path) -> None:
    ahead = begin(["plan", "web", "--json"])

    for place in ahead.places.values():
        with pytest.raises(Unreachable):
            place.transport.open(["facts"])

    assert sorted(started.read_text().split()) == ["192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["converge"],
        ["releases", "web1"],
        ["converge", "web3"],
        ["converge", "--event", "setup"],
        ["converge", "web1", "--help"],
        ["converge", "::"],
    ],
    ids=" ".join,
)
def test_a_command_line_that_is_not_plain_begins_nothing(
    arguments: list[str], started: Path
) -> None:
    assert begin(arguments).places == {}
    assert started.read_text() == ""


def test_a_project_that_cannot_be_read_is_left_to_who_says_so(started: Path) -> None:
    Path("toque.toml").write_text("nodes = 3")

    assert begin(["converge", "web1"]).project is None


def test_without_ssh_nothing_is_said_yet(started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    assert begin(["converge", "web1"]).places == {}


APP = """
[apps.shop]
repository = "."
layer = "{layer}"
"""


@pytest.mark.parametrize("arguments", [["deploy", "shop"], ["rollback", "shop", "--to", "a"]])
def test_a_deploy_to_one_node_is_connected_to(started: Path, arguments: list[str]) -> None:
    one = '\n[layers.alone]\n[nodes.web3]\naddress = "root@192.0.2.3"\nlayer = "alone"\n'
    Path("toque.toml").write_text(PROJECT + one + APP.format(layer="alone"))

    for _ in range(2):
        with pytest.raises(Unreachable):
            begin(arguments).places["web3"].transport.open(["apply"])

    assert started.read_text().split() == ["192.0.2.3"] * 2


@pytest.mark.parametrize(
    "arguments",
    [["deploy"], ["deploy", "shop"], ["deploy", "none"], ["deploy", "shop", "--on=web1"]],
)
def test_another_deploy_is_left_to_who_reads_the_command_line(
    started: Path, arguments: list[str]
) -> None:
    Path("toque.toml").write_text(PROJECT + APP.format(layer="web"))

    assert begin(arguments).places == {}
    assert started.read_text() == ""


def test_a_hook_connects_to_the_node_of_its_app(
    started: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("toque.toml").write_text(
        PROJECT.split("[nodes.web2]", maxsplit=1)[0] + APP.format(layer="web")
    )
    bare = tmp_path / "shop.git"
    bare.mkdir()
    monkeypatch.chdir(bare)
    assert begin(["hook", "run"]).places == {}  # nothing says whose it is

    Path("toque.json").write_text(json.dumps({"project": str(tmp_path), "app": "shop"}))
    for _ in range(2):
        with pytest.raises(Unreachable):
            begin(["hook", "run"]).places["web1"].transport.open(["apply"])

    assert started.read_text().split() == ["192.0.2.1"] * 2
