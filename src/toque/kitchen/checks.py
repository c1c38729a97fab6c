"""The pytest plugin behind ``toque kitchen verify``: the fixture ``machine``, and the count.

    def test_site_greets(machine):
        assert "Hello" in machine.http("/", host="thena.example").text

Everything is looked at from inside the machine, without SSH, so a check does not depend on what
it checks.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from . import api
from .look import Inside


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
def machine() -> Inside:
    """The machine that is verified."""
    kitchen = api.Kitchen.from_environment(os.environ)
    found = api.find(kitchen, os.environ["TOQUE_VERIFY_MACHINE"])
    return Inside(found, kitchen.driver(found))
