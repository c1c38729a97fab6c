"""Runs pytest; the few tests on real machines that failed beside others run once more, alone.

usage: unsteady.py PYTEST ARGUMENT...        docs/adr/0025 says what for, and what it must not hide

The second run is of at most three tests, all of tests/machine or tests/adversary, and only when
failed tests are all that went wrong: no error while collecting, no crash, no early end.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field

import pytest

MOST = 3
WHERE = ("tests/machine/", "tests/adversary/")
PHASES = ("setup", "call", "teardown")
LINES = 20  # shown of a failure's message
ALONE = "--alone"


@dataclass
class Seen:
    """A plugin: which tests failed, with the first message of each, and what else went wrong."""

    failed: dict[str, str] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    otherwise: bool = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when not in PHASES:  # pytest-xdist's word for a worker that died
            self.otherwise = True
        elif report.failed:
            self.failed.setdefault(report.nodeid, message(report))
        elif report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.otherwise |= report.failed

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.otherwise |= bool(session.shouldstop or session.shouldfail)

    def again(self, status: int) -> bool:
        """Whether the failed tests deserve a second look."""
        few = 0 < len(self.failed) <= MOST and all(test.startswith(WHERE) for test in self.failed)
        return status == pytest.ExitCode.TESTS_FAILED and few and not self.otherwise


def message(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(crash.message if crash else report.longreprtext).splitlines()
    return "\n".join(lines[:LINES])


def alone(tests: list[str]) -> int:
    """The exit status of a run of these; one that was left out has not passed."""
    seen = Seen()
    # It puts options of its own into the list that it is given.
    status = int(pytest.main(list(tests), plugins=[seen]))
    return status or int(not set(tests) <= seen.passed)


def main(arguments: list[str]) -> int:
    if arguments[:1] == [ALONE]:
        return alone(arguments[1:])
    seen = Seen()
    status = int(pytest.main(arguments, plugins=[seen]))
    if not seen.again(status):
        return status
    print(f"\ntoque: {len(seen.failed)} failed beside others; again, alone", flush=True)
    # In a process of its own: pytest does not undo what it imported.
    status = subprocess.run([sys.executable, __file__, ALONE, *seen.failed]).returncode
    steady = "failed beside others, and again alone" if status else ""
    print(f"\n{'=' * 20} {steady or 'unsteady: failed beside others, passed alone'} {'=' * 20}")
    for test, said in seen.failed.items():
        print(f"{test}\n" + "\n".join(f"    {line}" for line in said.splitlines()))
    if not status:
        print("An unsteady test is a bug of the test or of Toque: mend it (CONTRIBUTING.md).")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
