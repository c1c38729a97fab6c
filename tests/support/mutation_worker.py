"""Runs tests of the copy of the source that it is started in, one order a line.

    {"tests": [ID, ...], "keep_bytecode": true}  ->  {ID: "passed" | "failed" | "skipped" | "error"}

Each order is run in a fork, so that pytest and what it needs are imported once, and toque never
before it may have been changed.  ``mutation.py`` starts it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path

import click  # noqa: F401 - what tests import and no fault is planted in
import hypothesis  # noqa: F401
import jinja2  # noqa: F401
import pytest

PATIENCE_S = 120  # for the tests of one fault
WRITE = os.write  # tests put others in its place


class Ends:
    """Runs only the tests that are asked for, and writes down how each ended, a line each.

    Failed is what failed in its own body.  A test that is not there is left out.
    """

    def __init__(self, asked: list[str], writer: int) -> None:
        self.asked = set(asked)
        self.writer = writer

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [i for i in items if {i.nodeid, i.nodeid.split("[")[0]} & self.asked]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome == "skipped":
            self.tell(report.nodeid, report.outcome)
        elif report.failed:
            self.tell(report.nodeid, "error")

    def tell(self, test: str, end: str) -> None:
        WRITE(self.writer, json.dumps([test, end]).encode() + b"\n")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        os._exit(0)  # a thread that a fault lets wait for ever would be waited for


def main() -> None:
    tree = Path.cwd()
    sys.path.insert(0, str(tree / "src"))
    os.environ["PYTHONPATH"] = str(tree / "src")  # for processes that tests start
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(in_fork(tree, order["tests"], order["keep_bytecode"])), flush=True)


def in_fork(tree: Path, tests: list[str], keep_bytecode: bool) -> dict[str, str]:
    assert "toque" not in sys.modules
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.close(reader)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(tree / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(1, 2)
        sys.dont_write_bytecode = not keep_bytecode
        pytest.main(
            [
                *("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=30"),
                *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
                *(f"--rootdir={tree}", f"--basetemp={tree}.tmp"),
                *sorted({test.split("::")[0] for test in tests}),
            ],
            plugins=[Ends(tests, writer)],
        )
        os._exit(1)  # nothing was run
    os.close(writer)
    said = told(reader, time.monotonic() + PATIENCE_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # and all that a fault has left running
    os.waitpid(child, 0)
    ends: dict[str, str] = {}
    for test, end in map(json.loads, said.decode().splitlines()):
        ends.setdefault(test, end)
    return ends


def told(reader: int, until: float) -> bytes:
    """What is written to a pipe until its end, or until a time."""
    said = b""
    with os.fdopen(reader, "rb", buffering=0) as file:
        while select.select([file], [], [], max(0.0, until - time.monotonic()))[0]:
            part = file.read(1 << 16)
            if not part:
                break
            said += part
    return said


if __name__ == "__main__":
    main()
