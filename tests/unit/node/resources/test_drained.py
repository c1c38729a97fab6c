"""Members of a balancer whose requests are waited for."""

from __future__ import annotations

import pytest

from toque.node.memory import MemorySystem
from toque.node.resource import Invalid
from toque.node.resources.drained import Drained
from toque.node.system import Result

WANTED = Drained("hello", addresses=("10.0.0.2:80", "[fd00::2]:80"), within_s=2.0)
ROWS = (
    "ESTAB 0 0 10.0.0.9:41000 10.0.0.2:80\n",
    "ESTAB 0 0 10.0.0.9:41002 [fd00::2]:80\nESTAB 0 0 10.0.0.9:22 10.0.0.5:9\n",
    "ESTAB 0 0 10.0.0.9:80 10.0.0.7:51512\n",
)


class Machine(MemorySystem):
    """One whose ``ss`` says these rows, one after another, and then the last again and again."""

    def __init__(self, *rows: str) -> None:
        super().__init__()
        self.rows = list(rows)
        self.looks = 0
        self.programs["ss"] = self.ss

    def ss(self, argv: object, stdin: bytes, user: object) -> Result:
        self.looks += 1
        text = self.rows.pop(0) if len(self.rows) > 1 else self.rows[0]
        return Result(("ss",), 0, text.encode())


def test_it_waits_until_nobody_is_connected_three_times_in_a_row() -> None:
    system = Machine(ROWS[0], ROWS[1], ROWS[2], ROWS[0], ROWS[2])

    WANTED.fix(system, frozenset({"waited"}))

    assert system.looks == 7
    assert system.taken_notes() == ()


def test_it_does_not_wait_for_ever() -> None:
    system = Machine(ROWS[1])

    WANTED.fix(system, frozenset({"waited"}))

    assert system.taken_notes() == ("1 connections are left after 2 s",)


@pytest.mark.parametrize(
    "fields", [{"addresses": ("10.0.0.2",)}, {"addresses": ("h:0",)}, {"within_s": -1.0}]
)
def test_wrong_declarations(fields: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        Drained(**{"name": "a", "addresses": ("h:80",), **fields}).validate()  # type: ignore[arg-type]
