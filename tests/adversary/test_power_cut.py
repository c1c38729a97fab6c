"""A disk that loses its power while a file is replaced: it is old or new, never half (NO-1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import power_cut_files

PowerCuts = Callable[[str], list[list[Any]]]


@dataclass(frozen=True)
class Ending:
    """What was on the disk after a cut at a step of an operation; ``done``: it had ended before."""

    operation: str
    step: int
    foreign: bool
    done: bool
    found: str

    @property
    def lost(self) -> bool:
        return self.found not in ("old", "new") or (self.done and self.found != "new")


@pytest.fixture(scope="module")
def endings(power_cuts: PowerCuts) -> list[Ending]:
    return [Ending(*line) for line in power_cuts(power_cut_files.__file__)]


def test_what_we_replace_is_old_or_new_and_new_when_we_say_so(
    endings: list[Ending], record_property: Callable[[str, object], None]
) -> None:
    ours = [ending for ending in endings if ending.operation in power_cut_files.OURS]
    ended = sum(ending.done for ending in ours)
    lost = [ending for ending in ours if ending.lost]
    record_property(
        "figure",
        f"{len(ours)} power cuts, {ended} of them after the end: lost or torn {len(lost)}",
    )

    assert lost == []
    assert ended == 2 * len(power_cut_files.OURS)
    assert len(ours) > 60
    assert {ending.found for ending in ours if not ending.done} == {"old", "new"}


@pytest.mark.parametrize("operation", power_cut_files.BROKEN)
def test_what_is_often_written_loses_what_it_said_was_done(
    endings: list[Ending], operation: str
) -> None:
    assert any(ending.lost for ending in endings if ending.operation == operation)
