"""A disk that loses its power while a run tells its report: what was told is there (DU-1)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

import power_cut_told


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
def endings(tmp_path_factory: pytest.TempPathFactory) -> list[Ending]:
    folder = tmp_path_factory.mktemp("told")
    alone = ("unshare", "--mount", "--propagation", "private")
    argv = [*alone, sys.executable, power_cut_told.__file__, str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    if done.returncode == power_cut_told.CANNOT or "unshare failed" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return [Ending(*json.loads(line)) for line in done.stdout.splitlines()]


def test_what_a_run_has_told_survives_a_power_cut(
    endings: list[Ending], record_property: Callable[[str, object], None]
) -> None:
    ours = [ending for ending in endings if ending.recorder in power_cut_told.OURS]
    told = [ending for ending in ours if ending.told]
    record_property("figure", f"{len(ours)} power cuts, {len(told)} after the report: lost 0")

    assert [ending for ending in ours if ending.lost] == []
    assert len(told) >= 2
    assert len(ours) > 20
    assert {ending.whole for ending in ours if not ending.told} == {False, True}


@pytest.mark.parametrize("recorder", power_cut_told.BROKEN)
def test_a_recorder_that_tells_too_early_loses_what_it_told(
    endings: list[Ending], recorder: str
) -> None:
    assert any(ending.lost for ending in endings if ending.recorder == recorder)
