"""The pytest plugin behind ``toque verify`` and ``toque kitchen verify``.

    def test_site_greets(machine):
        assert "Hello" in machine.http("/", host="thena.example").text

It gives the fixtures ``machine`` and ``machines``, and tells the process that started pytest how
each check goes, at once: that process may have to end this one.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from . import api
from .look import Ask, Inside, ThroughCommand, ThroughDriver
from .outcome import EMPTY, FAILED, PASSED, SKIPPED, Check
from .subject import Subject, from_text

FOLDER = os.environ.get("TOQUE_VERIFY_FOLDER", "")
FIXTURES = frozenset({"machine", "machines", "host"})  # host: pytest-testinfra's
if FOLDER:
    # Modules and packages of helpers that lie beside the checks: what they assert counts, too.
    BESIDE = Path(os.environ["TOQUE_VERIFY_CHECKS"])
    pytest.register_assert_rewrite(
        *(p.stem for p in BESIDE.glob("*") if p.suffix == ".py" or p.is_dir())
    )


class Watch:
    """Tells how each check goes, a line each, in the file ``events``."""

    def __init__(self, events: Path) -> None:
        self._events = events
        self._began = 0.0
        self._asserted = 0
        self._looked = False
        self._reports: list[pytest.TestReport] = []
        self.machines: Mapping[str, Inside] = {}
        self.empty: list[Check] = []

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._began, self._reports = time.monotonic(), []
        self._asserted, self._looked = 0, False
        for one in self.machines.values():
            one.held = 0
            one.seen.clear()
        self._tell({"began": nodeid})

    def pytest_assertion_pass(self) -> None:
        self._asserted += 1

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed:
            for called, one in self.machines.items():
                if one.seen:
                    report.sections.append((f"seen on {called}", "\n".join(one.seen)))
        self._looked |= bool(FIXTURES.intersection(getattr(item, "fixturenames", ())))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._reports.append(report)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        outcome, message, details = self._outcome()
        seconds = round(time.monotonic() - self._began, 3)
        check = Check(nodeid, outcome, seconds, message, details)
        if outcome == EMPTY:
            self.empty.append(check)
        self._tell(asdict(check))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for check in self.empty:
            terminalreporter.write_line(f"EMPTY {check.id} - {check.message}")

    def _outcome(self) -> tuple[str, str, str]:
        for report in self._reports:
            if not report.passed:
                seen = [f"{title}\n{text}" for title, text in report.sections]
                details = "\n\n".join([report.longreprtext, *seen])
                return FAILED if report.failed else SKIPPED, _message(report), details
        if not self._looked:
            return EMPTY, "it passes without looking at the machine", ""
        if not self._asserted + sum(one.held for one in self.machines.values()):
            return EMPTY, "it passes without asserting anything", ""
        return PASSED, "", ""

    def _tell(self, event: Mapping[str, object]) -> None:
        with self._events.open("a") as file:
            file.write(json.dumps(event) + "\n")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None, object, object]:
    with _compiled_anew():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, object, object]:
    with _compiled_anew():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    with _compiled_anew():
        return (yield)


@contextmanager
def _compiled_anew() -> Iterator[None]:
    """While checks are imported: pytest asks for the folder when it compiles one of their files.

    One that another run has compiled would not tell which assertions it makes, and nobody's folder
    gets files of ours.  What pytest and its plugins import for themselves is taken as it lies
    compiled: Hypothesis alone, which its plugin imports at the end, would take a second.
    """
    before = sys.pycache_prefix
    if FOLDER:
        sys.pycache_prefix = str(Path(FOLDER, "compiled"))
    try:
        yield
    finally:
        sys.pycache_prefix = before


def pytest_configure(config: pytest.Config) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{__package__}.look"):
            vars(module)["__tracebackhide__"] = True  # a failure shows the check, not our way
    if FOLDER:
        config.pluginmanager.register(Watch(Path(FOLDER, "events")), "toque-watch")


@pytest.fixture(scope="session")
def machines(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Inside]]:
    """All machines that are verified, each by what its suite calls it."""
    subjects = from_text(os.environ["TOQUE_VERIFY_MACHINES"])
    ways = {called: _way(subject) for called, subject in subjects.items()}
    found = {called: Inside(subjects[called], way) for called, way in ways.items()}
    watch = request.config.pluginmanager.get_plugin("toque-watch")
    if watch is not None:
        watch.machines = found
    yield found
    for way in ways.values():
        if isinstance(way, ThroughCommand):
            way.close()


@pytest.fixture(scope="session")
def machine(machines: Mapping[str, Inside]) -> Inside:
    """The machine that is verified; the first, where a suite has several."""
    return next(iter(machines.values()))


def _way(subject: Subject) -> Ask:
    if not subject.driver:
        return ThroughCommand(subject.command)
    kitchen = api.Kitchen.from_environment(os.environ)
    found = api.find(kitchen, subject.name)
    driver = kitchen.driver(found)
    if subject.first:
        driver.exec(found, subject.first)
    return ThroughDriver(driver, found)


def _message(report: pytest.TestReport) -> str:
    """Why a check failed or was skipped, in its first words."""
    if isinstance(report.longrepr, tuple):  # file, line and reason of a skip
        return report.longrepr[2]
    crash = getattr(report.longrepr, "reprcrash", None)
    return crash.message if crash is not None else str(report.longrepr or "")
