"""A place of its own for what is cut off."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from power_cut import CANNOT


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A limit ends what hangs, and no slow machine."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def power_cuts(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[list[Any]]]:
    """Runs a program that cuts (``power_cut.py``) and gives what it has printed, line by line."""

    def cuts(program: str) -> list[list[Any]]:
        folder = tmp_path_factory.mktemp("power")
        alone = ("unshare", "--mount", "--propagation", "private")
        argv = [*alone, sys.executable, program, str(folder)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=600)
        if done.returncode == CANNOT or "unshare failed" in done.stderr:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return cuts
