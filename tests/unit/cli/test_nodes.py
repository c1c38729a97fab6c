"""One command on several nodes: a block of output for each, every error told, one exit status."""

import json
import threading

import pytest

from toque.adapters.memory import MemoryTransport
from toque.cli import nodes
from toque.cli.show import Shown
from toque.errors import BadCookbook, Failed, Unreachable
from toque.fleet.node import Node
from toque.usecases.abreast import Here
from toque.usecases.place import Place

WEB1, WEB2, WEB3 = (
    Place(Node(name, name, ""), MemoryTransport(lambda *_: 0, name))
    for name in ("web1", "web2", "web3")
)


def each(work: nodes.Work[str], *places: Place, as_json: bool = False) -> list[dict]:
    return nodes.each(
        places,
        work,
        lambda place, value: {"node": place.node.name, "value": value},
        under="nodes",
        verbose=False,
        as_json=as_json,
    )


def test_lines_of_several_nodes_do_not_mix(capsys: pytest.CaptureFixture[str]) -> None:
    turn = threading.Barrier(3, timeout=30)

    def work(place: Place, shown: Shown, here: Here) -> str:
        for word in ("one", "two"):
            turn.wait()
            shown.line(f"{word} of {place.node.name}")
        return "done"

    assert each(work, WEB1, WEB2, WEB3) == [
        {"node": name, "value": "done"} for name in ("web1", "web2", "web3")
    ]

    lines = capsys.readouterr().out.splitlines()
    blocks = [lines[at : at + 3] for at in (0, 3, 6)]
    assert sorted(blocks) == [
        [name, f"one of {name}", f"two of {name}"] for name in ("web1", "web2", "web3")
    ]


def broken(place: Place, shown: Shown, here: Here) -> str:
    if place is WEB1:
        raise Unreachable("host-unreachable", "web1 does not answer")
    if place is WEB2:
        shown.line("! file:/etc/motd")
        raise Failed("step-failed", "web2: no room")
    return "done"


def test_every_error_is_told_at_the_end_and_the_largest_status_counts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as left:
        each(broken, WEB1, WEB2, WEB3)

    said = capsys.readouterr()
    assert left.value.code == 5
    assert "web3" in said.out
    assert "web2\n! file:/etc/motd" in said.out
    assert said.err.splitlines() == [
        "web1",
        "error [host-unreachable] web1 does not answer",
        "web2",
        "error [step-failed] web2: no room",
    ]


def test_json_has_each_node_with_its_result_or_its_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as left:
        each(broken, WEB1, WEB2, WEB3, as_json=True)

    said = json.loads(capsys.readouterr().out)
    assert left.value.code == said["exit"] == 5
    assert said["nodes"] == [
        {
            "node": "web1",
            "error": {"code": "host-unreachable", "message": "web1 does not answer"},
        },
        {"node": "web2", "error": {"code": "step-failed", "message": "web2: no room"}},
        {"node": "web3", "value": "done"},
    ]


def test_a_bug_of_ours_on_one_node_ends_with_70(capsys: pytest.CaptureFixture[str]) -> None:
    def work(place: Place, shown: Shown, here: Here) -> str:
        if place is WEB1:
            raise ZeroDivisionError("three")
        raise BadCookbook("recipe-raised", "no")

    with pytest.raises(SystemExit) as left:
        each(work, WEB1, WEB2)

    assert left.value.code == 70
    assert "[toque-bug] ZeroDivisionError: three" in capsys.readouterr().err


def test_the_only_node_raises_its_error() -> None:
    with pytest.raises(Unreachable):
        each(broken, WEB1)
