"""``toque kitchen test`` is killed anywhere; ``destroy`` leaves nothing of it on the host."""

from __future__ import annotations

import collections
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kitchen_suites import Suites
from kitchen_traces import traces
from machine_site import kitchen_in, require, until
from toque.kitchen import kitchenfile, rung
from toque.kitchen.instance import instances

SEED = int(os.environ.get("TOQUE_SEED", "7"))
POINTS = 50
ABREAST = 2  # kitchens that are killed side by side: they wait more than they compute
KITCHEN = """\
driver = "nspawn"
[suites.alone]
"""
TEST = [sys.executable, "-m", "toque", "kitchen", "test"]


def begun(suites: Suites) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        TEST, cwd=suites.folder, env=dict(suites.environ), start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def killed(folder: Path, seed: int, points: int) -> collections.Counter[str]:
    """Kill a test at random points of its way; how far each had come.

    Every second time all its processes are killed, as when a terminal's machine dies; else the
    command alone.
    """
    folder.mkdir()
    suites = Suites(folder, folder / "kitchen", KITCHEN)
    (alone,) = instances(kitchenfile.load(suites.folder / "kitchen.toml", suites.environ))
    chance = random.Random(seed)
    began = time.monotonic()
    with begun(suites) as whole:
        assert whole.wait() == 0
    took = time.monotonic() - began
    assert traces(suites.kitchen, suites.folder) == []

    ended: collections.Counter[str] = collections.Counter()
    for number in range(points):
        with begun(suites) as testing:
            time.sleep(chance.uniform(0, took))
            kill = os.killpg if number % 2 else os.kill
            if testing.poll() is None:
                kill(testing.pid, signal.SIGKILL)
        reached = rung.read(suites.kitchen.store, alone)
        there = bool(suites.kitchen.store.names())
        had = reached.last or ("begun" if there else "none")
        ended["ended" if testing.returncode == 0 else had] += 1
        assert reached.failed == "", f"seed {seed}, kill {number}"
        suites.run("destroy")
        # What was killed with it may still be going down.
        until(lambda: not traces(suites.kitchen, suites.folder))
    with begun(suites) as whole:
        assert whole.wait() == 0, "a whole test after the kills"
    assert traces(suites.kitchen, suites.folder) == []
    return ended


@pytest.mark.timeout(1800)
def test_nothing_stays_of_a_test_that_was_killed_anywhere(
    kitchen_folder: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    require(kitchen_in(kitchen_folder), "nspawn")
    with ThreadPoolExecutor(ABREAST) as pool:
        numbers = range(ABREAST)
        counts = list(
            pool.map(lambda n: killed(tmp_path / f"k{n}", SEED + n, POINTS // ABREAST), numbers)
        )
    ended = sum(counts, collections.Counter())
    record_property(
        "figure",
        f"seed {SEED}: toque kitchen test killed {ended.total()} times, left behind after destroy: "
        f"0 files, processes, mounts, bridges, tables, addresses; had come to {dict(ended)}",
    )
    assert ended.total() == POINTS
    # Points before a machine, on the way and late: else the kills showed little.
    assert len(ended) >= 3, ended
