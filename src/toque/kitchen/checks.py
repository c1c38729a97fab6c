"""The pytest plugin behind ``toque kitchen verify``: the fixture ``machine``, and the count.

    def test_site_greets(machine):
        assert "Hello" in machine.http("/", host="thena.example").text

Everything is looked at from inside the machine, without SSH, so a check does not depend on what
it checks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from . import api
from .look import Inside
from .subject import from_text


class Count:
    """Counts what ran, for the process that started pytest."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.checks = 0
        self.failed = 0
        self.skipped = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped:
            self.skipped += 1
        elif report.when == "call":
            self.checks += 1
            self.failed += report.failed
        elif report.failed:  # in set-up or tear-down
            self.checks += report.when == "setup"
            self.failed += 1

    def pytest_sessionfinish(self) -> None:
        counts = {"checks": self.checks, "failed": self.failed, "skipped": self.skipped}
        self.place.write_text(json.dumps(counts))


def pytest_configure(config: pytest.Config) -> None:
    place = os.environ.get("TOQUE_VERIFY_COUNTS")
    if place:
        config.pluginmanager.register(Count(Path(place)), "toque-count")


@pytest.fixture(scope="session")
def machines() -> Mapping[str, Inside]:
    """All machines that are verified, each by what its suite calls it."""
    kitchen = api.Kitchen.from_environment(os.environ)
    subjects = from_text(os.environ["TOQUE_VERIFY_MACHINES"])
    found = {called: api.find(kitchen, one.name) for called, one in subjects.items()}
    return {called: Inside(one, kitchen.driver(one)) for called, one in found.items()}


@pytest.fixture(scope="session")
def machine(machines: Mapping[str, Inside]) -> Inside:
    """The machine that is verified; the first, where a suite has several."""
    return next(iter(machines.values()))
