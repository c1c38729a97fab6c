"""A pytest plugin that lists the resources of a cookbook that no test has asked about.

``pytest_plugins = ["toque.testing.plugin"]`` in ``conftest.py`` turns it on.  Tests then take
``compile_recipe`` as a fixture instead of importing it, so that nothing is counted behind their
backs; ``pytest --every-resource`` fails when a resource is left out.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .coverage import Coverage
from .recipes import RecipePlan

_KEY = pytest.StashKey[Coverage]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("toque").addoption(
        "--every-resource",
        action="store_true",
        help="fail when a resource of a compiled recipe was asked about by no test",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_KEY] = Coverage()


@pytest.fixture
def compile_recipe(request: pytest.FixtureRequest) -> Callable[..., RecipePlan]:
    """``toque.testing.compile_recipe``, counted."""
    return request.config.stash[_KEY].compile_recipe


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    missing = session.config.stash[_KEY].untouched()
    if session.config.getoption("--every-resource") and missing and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    coverage = config.stash[_KEY]
    declared, missing = coverage.declared(), coverage.untouched()
    if not declared:
        return
    terminalreporter.section("resources")
    for place, id in missing:
        terminalreporter.write_line(f"{place}  {id}: no test asks about it")
    count = len(declared) - len(missing)
    terminalreporter.write_line(f"{count} of {len(declared)} resources are asked about by a test")
