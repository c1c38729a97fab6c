"""Connections made from memory: only ever the very ones that are then asked for."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from source_tree import SRC
from toque import redial

WORDS = ["converge", "web"]
ONE, OTHER = ["ssh", "192.0.2.1"], ["ssh", "192.0.2.2"]


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a project, with an ssh that writes its number and where it goes here, and then waits."""
    log = tmp_path / "log"
    log.touch()
    (tmp_path / "toque.toml").write_text("")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(f'#!/bin/sh\necho "$$ $1" >>{log}\nexec cat\n')
    (programs / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return log


def last_time(*commands: list[str], words: list[str] = WORDS) -> None:
    """A run that asked for these commands."""
    calls = redial.begin(words)
    for command in commands:
        assert calls.take(command) is None
    calls.settle()


def memory() -> Path:
    (file,) = Path("cache/toque/calls").iterdir()
    return file


def clients(log: Path, count: int) -> list[list[str]]:
    """Number and goal of the clients that were started, once there are ``count``."""
    deadline = time.monotonic() + 10
    while len(lines := log.read_text().splitlines()) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return [line.split() for line in lines]


def test_the_same_command_is_gone_on_with_once(log: Path) -> None:
    last_time(ONE)

    calls = redial.begin(WORDS)
    process, again = calls.take(ONE), calls.take(ONE)
    calls.leave()

    assert process is not None
    assert again is None
    assert clients(log, 1) == [[str(process.pid), "192.0.2.1"]]
    assert process.poll() is None  # leaving does not end what was taken
    process.communicate()


def test_another_command_ends_what_was_begun(log: Path) -> None:
    last_time(ONE)

    calls = redial.begin(WORDS)
    ((number, _),) = clients(log, 1)
    assert calls.take(OTHER) is None
    calls.settle()

    with pytest.raises(ProcessLookupError):
        os.kill(int(number), 0)
    calls = redial.begin(WORDS)
    assert calls.take(ONE) is None
    calls.leave()


def test_nothing_is_begun_once_the_project_says_something_else(log: Path) -> None:
    last_time(ONE)
    Path("toque.toml").write_text("[stack]\n")

    assert redial.begin(WORDS).take(ONE) is None
    assert log.read_text() == ""


def test_what_others_may_write_is_not_followed(log: Path) -> None:
    last_time(ONE)
    memory().chmod(0o666)

    assert redial.begin(WORDS).take(ONE) is None
    assert log.read_text() == ""


@pytest.mark.parametrize("damaged", [b"", b"\xff\0\0ssh\0a", b"\0", b"\0\0"])
def test_a_damaged_memory_is_none(damaged: bytes) -> None:
    last_time(ONE)
    memory().write_bytes(damaged)

    assert redial.begin(WORDS).take(ONE) is None


@pytest.mark.parametrize(
    "words",
    [[], ["converge"], ["plan", "db"], ["releases", "web"], [*WORDS, "--help"], ["up", "--json"]],
    ids=" ".join,
)
def test_other_words_begin_nothing(words: list[str], log: Path) -> None:
    last_time(ONE)

    redial.begin(words).leave()

    assert log.read_text() == ""


def test_a_cache_that_cannot_be_written_to_is_no_reason_to_fail() -> None:
    Path("cache").write_text("a file")

    last_time(ONE)
    last_time(ONE)


def test_without_ssh_or_outside_a_project_nothing_is_begun(
    monkeypatch: pytest.MonkeyPatch, log: Path
) -> None:
    last_time(ONE)
    with monkeypatch.context() as changed:
        changed.setenv("PATH", "/nonexistent")
        assert redial.begin(WORDS).take(ONE) is None

    Path("toque.toml").unlink()
    assert redial.begin(WORDS).take(ONE) is None
    assert log.read_text() == ""


def test_old_calls_are_forgotten() -> None:
    last_time(ONE)
    first = memory()
    os.utime(first, (0, time.time() - redial.STALE_S - 1))

    last_time(OTHER, words=["plan", "db"])

    assert memory() != first


def test_next_to_nothing_is_imported_before_ssh_runs() -> None:
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "import toque.redial, toque.adapters.starting\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(SRC.parent)], capture_output=True, check=True
    )

    imported = set(json.loads(done.stdout))
    ours = {"toque", "toque.redial", "toque.adapters", "toque.adapters.starting"}
    assert {name for name in imported if name.startswith("toque")} == ours
    assert imported & {"dataclasses", "pathlib", "tomllib", "typing"} == set()
