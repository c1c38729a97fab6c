"""A disk that loses its power while a file is replaced: it is old or new, never half (NO-1)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

import power_cut


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
def endings(tmp_path_factory: pytest.TempPathFactory) -> list[Ending]:
    folder = tmp_path_factory.mktemp("power")
    alone = ("unshare", "--mount", "--propagation", "private")
    argv = [*alone, sys.executable, power_cut.__file__, str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    if done.returncode == power_cut.CANNOT or "unshare failed" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return [Ending(*json.loads(line)) for line in done.stdout.splitlines()]


def test_what_we_replace_is_old_or_new_and_new_when_we_say_so(
    endings: list[Ending], record_property: Callable[[str, object], None]
) -> None:
    ours = [ending for ending in endings if ending.operation in power_cut.OURS]
    ended = sum(ending.done for ending in ours)
    record_property(
        "figure", f"{len(ours)} power cuts, {ended} of them after the end: lost or torn 0"
    )

    assert [ending for ending in ours if ending.lost] == []
    assert ended == 2 * len(power_cut.OURS)
    assert len(ours) > 60
    assert {ending.found for ending in ours if not ending.done} == {"old", "new"}


@pytest.mark.parametrize("operation", power_cut.BROKEN)
def test_what_is_often_written_loses_what_it_said_was_done(
    endings: list[Ending], operation: str
) -> None:
    assert any(ending.lost for ending in endings if ending.operation == operation)
