"""A disk that loses its power while a run tells its report: what was told is there (DU-1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import power_cut_told

PowerCuts = Callable[[str], list[list[Any]]]


@dataclass(frozen=True)
class Ending:
    """After a cut: ``whole`` and ``owed`` say whether record and debts are as the report said."""

    recorder: str
    told: bool
    done: bool
    whole: bool
    owed: bool

    @property
    def lost(self) -> bool:
        return self.told and not (self.whole and self.owed)


@pytest.fixture(scope="module")
def endings(power_cuts: PowerCuts) -> list[Ending]:
    return [Ending(*line) for line in power_cuts(power_cut_told.__file__)]


def test_what_a_run_has_told_survives_a_power_cut(
    endings: list[Ending], record_property: Callable[[str, object], None]
) -> None:
    ours = [ending for ending in endings if ending.recorder in power_cut_told.OURS]
    told = [ending for ending in ours if ending.told]
    lost = [ending for ending in ours if ending.lost]
    figure = f"{len(ours)} power cuts, {len(told)} after the report: lost {len(lost)}"
    record_property("figure", figure)

    assert lost == []
    assert len(told) >= 2
    assert len(ours) > 20
    assert {ending.whole for ending in ours if not ending.told} == {False, True}


@pytest.mark.parametrize("recorder", power_cut_told.BROKEN)
def test_a_recorder_that_tells_too_early_loses_what_it_told(
    endings: list[Ending], recorder: str
) -> None:
    assert any(ending.lost for ending in endings if ending.recorder == recorder)
