"""Runs tests of the copy of the source that it is started in, one order a line.

    {"tests": [ID, ...], "keep_bytecode": true}  ->  {ID: "passed" | "failed" | "skipped" | "error"}

Each order is run in a fork, so that pytest and what it needs are imported once, and toque never
before it may have been changed.  ``mutation.py`` starts it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click  # noqa: F401 - what tests import and no fault is planted in
import hypothesis  # noqa: F401
import jinja2  # noqa: F401
import pytest


class Ends:
    """Runs only the tests that are asked for, and keeps how each ended.

    Failed is what failed in its own body.  A test that is not there is left out.
    """

    def __init__(self, asked: list[str]) -> None:
        self.asked = set(asked)
        self.of: dict[str, str] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid.split("[")[0] in self.asked]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome == "skipped":
            self.of.setdefault(report.nodeid, report.outcome)
        elif report.failed:
            self.of[report.nodeid] = "error"


def main() -> None:
    tree = Path.cwd()
    sys.path.insert(0, str(tree / "src"))
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(in_fork(tree, order["tests"], order["keep_bytecode"])), flush=True)


def in_fork(tree: Path, tests: list[str], keep_bytecode: bool) -> dict[str, str]:
    assert "toque" not in sys.modules
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(tree / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(1, 2)
        sys.dont_write_bytecode = not keep_bytecode
        ends = Ends(tests)
        pytest.main(
            [
                *("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=60"),
                *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
                *(f"--rootdir={tree}", f"--basetemp={tree}.tmp"),
                *sorted({test.split("::")[0] for test in tests}),
            ],
            plugins=[ends],
        )
        sys.stdout.flush()
        with os.fdopen(writer, "w") as file:
            json.dump(ends.of, file)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        said = file.read()
    os.waitpid(child, 0)
    return json.loads(said) if said else {}  # a fault may have ended the whole process


if __name__ == "__main__":
    main()
