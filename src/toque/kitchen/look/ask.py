"""Asking the probe in a machine: through a kitchen's driver, or over a connection that stays."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol

from ..driver import Driver
from ..machine import Machine

# What is started in the machine, constant: it reads the program that it then is, and its length
# before it.  The questions follow on the same input.
START = (
    "import sys; "
    "text = sys.stdin.buffer.read(int(sys.stdin.buffer.readline())); "
    "exec(compile(text, 'toque-probe', 'exec'))"
)

NOISE = 1000  # lines that a login script may print


class NotSeen(AssertionError):
    """The machine could not be looked at, or not there; the check that asked has failed."""


class Ask(Protocol):
    def __call__(self, what: str, *of: object) -> Any:
        """The answer to a question of the probe.  Raises ``NotSeen``."""
        ...


def python_words(python: str = "python3") -> tuple[str, ...]:
    """The constant argument list that starts the probe."""
    return (python, "-I", "-S", "-X", "utf8", "-c", START)


@lru_cache(maxsize=1)
def program() -> bytes:
    text = Path(__file__).with_name("probe.py").read_bytes()
    return f"{len(text)}\n".encode() + text


def question(what: str, of: Sequence[object]) -> bytes:
    return json.dumps({"what": what, "of": of}).encode() + b"\n"


def answered(what: str, of: Sequence[object], line: bytes, trouble: Callable[[], str]) -> Any:
    """What an answer says.  Raises ``NotSeen``: ``trouble`` explains a missing one."""
    about = f"{what} {of[0]}" if of else what
    if not line:
        raise NotSeen(f"{about}: no answer from the machine: {trouble()}")
    said = json.loads(line)
    if "error" in said:
        raise NotSeen(f"{about}: {said['error']}")
    return said["answer"]


class ThroughDriver:
    """A program in the machine for each question, so none is lost to a reboot."""

    def __init__(self, driver: Driver, machine: Machine) -> None:
        self._driver, self._machine = driver, machine

    def __call__(self, what: str, *of: object) -> Any:
        told = program() + question(what, of)
        done = self._driver.exec(self._machine, python_words("/usr/bin/python3"), told)
        line = _first_answer(done.stdout.splitlines(keepends=True))
        return answered(what, of, line, lambda: _last_words(done.stderr))


class ThroughCommand:
    """One program, started by the argument list ``command``, for all questions.

    It is started again when it has ended: by a reboot of the machine, or a broken connection.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._running: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None

    def __call__(self, what: str, *of: object) -> Any:
        running = self._started()
        if running.stdin is None or running.stdout is None:
            raise RuntimeError("a process that was started with pipes")
        try:
            running.stdin.write(question(what, of))
            running.stdin.flush()
            line = _first_answer(running.stdout)
        except BrokenPipeError:
            line = b""
        trouble = "" if line else self.close()
        return answered(what, of, line, lambda: trouble)

    def close(self) -> str:
        """End the program; the last that it said on standard error."""
        if self._running is None or self._said is None:
            return ""
        self._running.kill()
        for pipe in (self._running.stdin, self._running.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what was written last may not have been read
                    pipe.close()
        self._running.wait()
        self._said.seek(0)
        words = _last_words(self._said.read())
        self._said.close()
        self._running = self._said = None
        return words

    def _started(self) -> subprocess.Popen[bytes]:
        if self._running is not None and self._running.poll() is None:
            return self._running
        self.close()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - read when there is no answer
        self._running = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said
        )
        if self._running.stdin is not None:
            with suppress(BrokenPipeError):  # told by the answer that does not come
                self._running.stdin.write(program())
        return self._running


def _first_answer(lines: Iterable[bytes]) -> bytes:
    """The next line that is an answer; what a login script prints before it is passed over."""
    for line in islice(lines, NOISE):
        if line.startswith((b'{"answer"', b'{"error"')) and line.endswith(b"\n"):
            return line
    return b""


def _last_words(data: bytes) -> str:
    lines = data.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it ended without a word"
