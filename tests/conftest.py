"""What holds for all tests: those in ``machine`` are marked as such, and run first.

Their files take minutes; begun last, one of them would keep one core waiting at the end.
"""

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

TESTS = Path(__file__).parent
MACHINE = TESTS / "machine"

# Two busy cores make a deadline per example a coin toss; pytest-timeout bounds the whole test.
settings.register_profile("toque", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("toque")


class BySite(LoadFileScheduling):
    """A file's tests go to one worker; those on one site (fixture ``site``) too, of all files.

    Setting a site up takes as long as all tests of a file on it.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        driver = re.search(r"[\[-](nspawn|chroot)[\]-]", nodeid)
        if driver and "(site: Site" in (TESTS.parent / file).read_text(encoding="utf-8"):
            return f"site {driver[1]}"
        return str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    return BySite(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(MACHINE):
            item.add_marker(pytest.mark.machine)
    items.sort(key=lambda item: item.get_closest_marker("machine") is None)  # keeps the order


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What commands remember in the user's cache is not the developer's own."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of this clone."""
    return TESTS.parent


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Figures that tests recorded as property ``figure``: what was counted, not only that it held.

    With pytest-xdist too, whose workers' output is not shown.
    """
    figures = [
        (report.nodeid.split("/", 1)[-1], str(text))
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, text in report.user_properties
        if name == "figure"
    ]
    if figures:
        terminalreporter.section("figures")
        for where, text in sorted(figures):
            terminalreporter.line(f"{where}: {text}")
