"""Numbers of processes that a node keeps: what is believed of them, and where they go."""

from __future__ import annotations

import json
from typing import BinaryIO

from toque.adapters.memory import MemoryTransport
from toque.node.greeting import _scale
from toque.node.memory import MemorySystem
from toque.usecases.converge import Session


def told(scale: object) -> object:
    def node(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        line = {"type": "facts", "facts": {}, "releases": [], "scale": scale}
        stdout.write(json.dumps(line).encode() + b"\n")
        stdin.readline()

    with Session(MemoryTransport(node), app="shop") as session:
        return dict(session.scale)


def test_only_numbers_of_processes_are_believed() -> None:
    odd = {"web": 3, "mail": 0, "a": "4", "b": -1, "c": 513, "d": True, "e": None, "f": 2.0}
    assert told(odd) == {"web": 3, "mail": 0}
    assert told(None) == told([1]) == told("x") == {}


def test_a_node_tells_what_it_keeps() -> None:
    path = "/etc/toque/apps/shop/scale.json"
    assert _scale(MemorySystem(), "shop") == {}
    assert _scale(MemorySystem(files={path: b'{"mail": 2}\n'}), "shop") == {"mail": 2}
    assert _scale(MemorySystem(files={path: b"{"}), "shop") == {}
