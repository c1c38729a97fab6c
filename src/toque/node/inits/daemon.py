"""What is asked of a supervisord, and its programs as values."""

from typing import Dict, FrozenSet, Protocol

from ..record import dataclass


@dataclass(frozen=True)
class Program:
    """One program of supervisord: ``state`` is one of its own words (STARTING, BACKOFF ...)."""

    state: str = "STOPPED"
    pid: int = 0
    exit_status: int = 0
    said: str = ""


class NoAnswer(Exception):
    """supervisord does not answer."""


class Refused(Exception):
    """supervisord answers with a fault; ``fault`` is its name, such as ALREADY_STARTED."""

    def __init__(self, fault: str, text: str) -> None:
        super().__init__(text)
        self.fault = fault


class Daemon(Protocol):
    """What is asked of a supervisord.  All raise ``NoAnswer`` or ``Refused``; nothing waits."""

    def programs(self) -> Dict[str, Program]: ...

    def reread(self) -> FrozenSet[str]:
        """Read the configuration; the programs that are new or differ from what is loaded."""
        ...

    def add(self, name: str) -> None: ...

    def remove(self, name: str) -> None: ...

    def start(self, name: str) -> None: ...

    def stop(self, name: str) -> None: ...

    def signal(self, name: str, signal: str) -> None: ...
