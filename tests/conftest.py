"""What holds for all tests: quick ones run first; those in ``machine`` are marked as such."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent
MACHINE = TESTS / "machine"

# Two busy cores make a deadline per example a coin toss; pytest-timeout bounds the whole test.
settings.register_profile("toque", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("toque")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(MACHINE):
            item.add_marker(pytest.mark.machine)
    items.sort(key=lambda item: item.get_closest_marker("machine") is not None)  # keeps the order


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of this clone."""
    return TESTS.parent
