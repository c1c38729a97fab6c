"""Planted faults: a rule of the code broken in a copy of the source, and the tests that see it.

A security test that cannot fail is worse than none (a test of Puppet's for CVE-2013-4761 passed
for a year "regardless of the state of the bug").  So each rule in ``tests/mutants/*.toml`` carries
faults: a text of a source file, what it is replaced with, and the tests that have to go red:

    [PR-3]
    says = "Temporary names cannot be guessed."
    tests = ["tests/unit/node/test_paths.py"]
    [[PR-3.mutants]]
    breaks = "what the fault does"
    file = "src/toque/node/paths.py"
    old = "a text that is in the file once"
    new = "another"
    red = ["tests/unit/node/test_paths.py::TestWrite::test_..."]

Only a test that runs and fails counts: one that cannot be imported or set up saw nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Self

from source_tree import ROOT

RULES = ROOT / "tests" / "mutants"
WORKER = Path(__file__).with_name("mutation_worker.py")
COPIED = ("src", "tests", "docs/_ext", "examples", "pyproject.toml")
SIDE_BY_SIDE = 2

Ends = dict[str, str]  # test id -> passed, failed, skipped, or error (not in the test's own body)


@dataclass(frozen=True)
class Mutant:
    """One planted fault.  ``old`` stands exactly once in ``file``."""

    rule: str
    breaks: str
    file: str
    old: str
    new: str
    red: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"{self.rule}: {self.breaks}"


@dataclass(frozen=True)
class Rule:
    """A rule of the threat model, the files or tests that show it, and its planted faults."""

    id: str
    says: str
    tests: tuple[str, ...]
    mutants: tuple[Mutant, ...]


class Stale(Exception):
    """A planted fault does not fit the source any more: say what it breaks in today's words."""


def rules(directory: Path = RULES) -> list[Rule]:
    """All rules, in the order of their files and of their places there."""
    found = []
    for path in sorted(directory.glob("*.toml")):
        for name, entry in tomllib.loads(path.read_text()).items():
            mutants = tuple(
                Mutant(name, m["breaks"], m["file"], m["old"], m["new"], tuple(m["red"]))
                for m in entry["mutants"]
            )
            found.append(Rule(name, entry["says"], tuple(entry["tests"]), mutants))
    return found


def survivors(mutants: Sequence[Mutant], directory: Path) -> dict[Mutant, str]:
    """Plant each fault in a copy below ``directory``; those not caught, each with the reason."""
    trees: SimpleQueue[Worker] = SimpleQueue()
    with ExitStack() as stack:
        first = stack.enter_context(Worker(ROOT, directory / "0"))
        ids = sorted({test for mutant in mutants for test in mutant.red})
        sound: Ends = {}
        for file in sorted({test.split("::")[0] for test in ids}):
            sound |= first.run([t for t in ids if t.startswith(f"{file}::")], keep_bytecode=True)
        trees.put(first)
        for number in range(1, SIDE_BY_SIDE):
            trees.put(stack.enter_context(Worker(first.tree, directory / str(number))))

        def judged(mutant: Mutant) -> str:
            worker = trees.get()
            try:
                return not_caught(mutant, sound, worker)
            except Stale as stale:
                return str(stale)
            finally:
                trees.put(worker)

        pool = stack.enter_context(ThreadPoolExecutor(SIDE_BY_SIDE))
        reasons = dict(zip(mutants, pool.map(judged, mutants)))
    return {mutant: reason for mutant, reason in reasons.items() if reason}


def not_caught(mutant: Mutant, sound: Ends, worker: Worker) -> str:
    """Why the tests of a fault did not see it, or empty.  Raises ``Stale``."""
    for test in mutant.red:
        ends = set(cases(test, sound).values())
        if not ends or ends & {"failed", "error"} or ends == {"skipped"}:
            return f"without the fault {test} {' and '.join(sorted(ends)) or 'is not there'}"
    with planted(mutant, worker.tree):
        broken = worker.run(mutant.red)
    for test in mutant.red:
        ends = set(cases(test, broken).values())
        if "failed" not in ends:
            return f"with the fault {test} {' and '.join(sorted(ends)) or 'did not end'}"
    return ""


def cases(test: str, ends: Ends) -> Ends:
    """How the cases of a test ended: ``ends`` has an id for each set of parameters."""
    return {id_: end for id_, end in ends.items() if id_ == test or id_.startswith(f"{test}[")}


@contextmanager
def planted(mutant: Mutant, tree: Path) -> Iterator[None]:
    """The fault in ``tree`` while the block runs.  Raises ``Stale``."""
    path = tree / mutant.file
    text = path.read_text() if path.exists() else ""
    if text.count(mutant.old) != 1:
        raise Stale(f"stale: its text is {text.count(mutant.old)} times in {mutant.file}, not once")
    status = path.stat()
    path.write_text(text.replace(mutant.old, mutant.new))
    os.utime(path, (1, 1))  # never the time that byte code of the sound file was made from
    try:
        yield
    finally:
        path.write_text(text)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


class Worker:
    """A copy of what tests need and a process that runs tests there."""

    def __init__(self, source: Path, tree: Path) -> None:
        self.tree = tree
        tree.mkdir()
        for name in COPIED:  # byte code too: nothing is compiled for every fault
            if (source / name).is_dir():
                shutil.copytree(source / name, tree / name, symlinks=True)
            else:
                shutil.copy2(source / name, tree / name)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, WORKER],
            cwd=self.tree,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *why: object) -> None:
        self._process.communicate()

    def run(self, tests: Sequence[str], *, keep_bytecode: bool = False) -> Ends:
        assert self._process.stdin is not None and self._process.stdout is not None
        order = {"tests": list(tests), "keep_bytecode": keep_bytecode}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        ends: Ends = json.loads(self._process.stdout.readline())
        return ends
