"""Somebody swaps what root works on for links, as fast as the machine can, and never wins (PR-1).

Five seconds for each resource type; ``TOQUE_RACE_S=60 scripts/test tests/adversary`` for longer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from racer_cases import CASES, ELSEWHERE
from toque.node.resources import CLASSES

RACER = Path(__file__).parents[1] / "support" / "link_racer.py"
SECONDS = float(os.environ.get("TOQUE_RACE_S", "5"))
SIDE_BY_SIDE = 4

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be tricked as root"),
    pytest.mark.timeout(900 + 10 * SECONDS),
]


def race(kind: str, seconds: float) -> dict[str, Any]:
    argv = ["unshare", "-m", "--propagation", "private", sys.executable, RACER, kind, str(seconds)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def races() -> dict[str, dict[str, Any]]:
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return dict(zip(CASES, pool.map(lambda kind: race(kind, SECONDS), CASES)))


def test_every_type_is_raced_or_says_why_not() -> None:
    assert set(CASES) | set(ELSEWHERE) == set(CLASSES)
    assert not set(CASES) & set(ELSEWHERE)
    assert all(len(reason) > 15 for reason in ELSEWHERE.values())


@pytest.mark.parametrize("kind", CASES)
def test_root_is_never_tricked(kind: str, races: dict[str, Any], record_property) -> None:
    told = races[kind]

    record_property("figure", f"{told['attempts']} attempts in {SECONDS:g} s, "
                    f"wins {len(told['wins'])}: {told['ends']}")  # fmt: skip
    assert told["wins"] == []
    # Else there was no race: root did its work, and the racer was in its way.
    assert told["ends"].get("changed")
    assert set(told["ends"]) - {"changed", "ok"}
    assert "node-bug" not in told["ends"]


def test_twin_that_looks_before_it_acts_loses(record_property) -> None:
    """Else the racer above is too slow to prove anything."""
    told = race("naive", 60)

    record_property("figure", f"lost after {told['attempts']} attempts")
    assert told["wins"]
