"""A place of its own for what is cut off."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from power_cut import CANNOT


@pytest.fixture(scope="session")
def power_cuts(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[list[Any]]]:
    """Runs a program that cuts (``power_cut.py``) and gives what it has printed, line by line."""

    def cuts(program: str) -> list[list[Any]]:
        folder = tmp_path_factory.mktemp("power")
        alone = ("unshare", "--mount", "--propagation", "private")
        argv = [*alone, sys.executable, program, str(folder)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        if done.returncode == CANNOT or "unshare failed" in done.stderr:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return cuts
