"""This machine, or one that is entered by a program on it, spoken to like any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toque.errors import Unreachable

from . import handshake, shipping
from .pipe import PipeChannel, clean
from .shipping import Runtime
from .starting import started

PYTHON = "/usr/bin/python3"  # the system's own: a virtual environment may vanish under a node


class LocalTransport:
    """Runs the node program here.

    ``enter`` is put before the command, e.g. ``("chroot", "/srv/machine")``; ``state`` replaces
    ``/var/lib/toque`` and lifts the rule that only root may run.
    """

    def __init__(
        self,
        name: str = "local",
        *,
        python: str = PYTHON,
        enter: Sequence[str] = (),
        state: str = "",
        runtime: Callable[[], Runtime] = shipping.runtime,
    ) -> None:
        self.name = name
        self._enter = tuple(enter)
        self._command = (*enter, *shipping.python_command(python))
        self._python = python
        self._state = state
        self._runtime = runtime

    def open(self, argv: Sequence[str]) -> PipeChannel:
        try:
            channel = PipeChannel(started(self._command), explain=self._lost)
        except OSError as error:
            raise self._missing(str(error)) from error
        handshake.start(
            channel, self._runtime(), argv, explain=self._not_started, state=self._state
        )
        return channel

    def attended(self, words: Sequence[str], *, tty: bool) -> tuple[str, ...]:
        """The argument list that runs ``words`` here: our terminal is theirs."""
        return (*self._enter, *words)

    def _missing(self, found: str) -> Unreachable:
        return Unreachable(
            "python-missing",
            "there is no python3 on this machine",
            expected=f"Python 3.9 or newer as {self._python}",
            found=clean(found)[-500:],
            hint="apt-get install python3-minimal",
        )

    def _not_started(self, stderr: str, status: int) -> Unreachable:
        if status == 127:
            return self._missing(stderr.strip())
        return Unreachable(
            "bootstrap-failed",
            "our program did not start on this machine",
            expected=f"{self._command[0]} to run it",
            found=f"exit status {status}",
            hint=f"{self._command[0]} --version",
            log=stderr.splitlines()[-20:],
        )

    @staticmethod
    def _lost(stderr: str, status: int) -> Unreachable | None:
        """A program that was killed did not lose an argument with a step: nothing is known."""
        if status >= 0:
            return None
        return Unreachable(
            "connection-lost",
            "our program on this machine was killed, so how far it came is unknown",
            found=f"signal {-status}",
            hint="run the same command again: it looks before it acts",
            log=stderr.splitlines()[-20:],
        )
