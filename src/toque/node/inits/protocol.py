"""What every init system offers, and the state of one unit as a value."""

from typing import List, Protocol, Sequence, Tuple, Union

from ..errors import NotReady
from ..record import dataclass

UNIT_DIRECTORIES = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/lib/systemd/system",
    "/usr/lib/systemd/system",
)


@dataclass(frozen=True)
class UnitState:
    """One unit, in systemd's words whichever init runs it.

    ``load`` is LoadState (``loaded``, ``not-found``, ``bad-setting``, ``masked`` ...), ``active``
    ActiveState, ``sub`` SubState, ``file`` UnitFileState.  ``stale`` means that the text on disk
    is newer than what the init system has read.  ``members`` are the instances that an umbrella
    unit stands for (``postgresql.service`` is one: it is active while its cluster is down).
    """

    name: str
    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    file: str = ""
    stale: bool = False
    pid: int = 0
    result: str = ""
    exit_status: int = 0
    restarts: int = 0  # by its init, since somebody asked for a start; supervisor does not count
    members: Tuple[str, ...] = ()
    partly: bool = False  # an umbrella with members that run and others, or itself, that do not
    error: str = ""

    @property
    def exists(self) -> bool:
        return self.load != "not-found"

    @property
    def running(self) -> bool:
        return self.active in ("active", "reloading")

    @property
    def alive(self) -> bool:
        """``running``, or its init keeps trying; supervisor says so for the first second."""
        return self.running or self.active == "activating"

    @property
    def activity(self) -> Union[bool, str]:
        """``running``, or a word for neither: ``partly``, or ``starting`` (perhaps for ever)."""
        if self.partly:
            return "partly"
        return "starting" if self.active == "activating" else self.running

    @property
    def enabled(self) -> bool:
        """Whether it starts at boot; a unit without an [Install] section is ``static``: no."""
        return self.file in ("enabled", "alias", "generated")


def unit_name(name: str) -> str:
    """``nginx`` -> ``nginx.service``; names that have a unit suffix stay as they are."""
    suffixes = (".service", ".socket", ".timer", ".target", ".path", ".mount", ".slice")
    return name if name.endswith(suffixes) else name + ".service"


class InitSystem(Protocol):
    """Starts, stops and keeps services.  Names carry their suffix (``thena.service``).

    Every method raises ``StepFailed``: ``service-failed`` when a service does not do what was
    asked (with its last log lines), ``init-unreachable`` when the init system does not answer.
    All methods that change something drop the observations named ``units``.
    """

    @property
    def name(self) -> str:
        """``systemd`` or ``supervisor``."""
        ...

    def state(self, name: str) -> UnitState: ...

    def prefetch(self, names: Sequence[str]) -> None:
        """Read the states of many units in one exchange, for ``state`` to answer from."""
        ...

    def start(self, name: str) -> None:
        """Start it, or do nothing when it runs; returns when it runs."""
        ...

    def launch(self, name: str) -> None:
        """Have it started, for somebody who looks himself at how that goes: nothing is awaited."""
        ...

    def stop(self, name: str) -> None:
        """Stop it and wait for its end; nothing happens when it does not run."""
        ...

    def discard(self, name: str, patience_s: float) -> None:
        """As ``stop``, for one that serves nobody: where the init system can, it is killed when it
        has not ended after ``patience_s``."""
        ...

    def stop_all(self, names: Sequence[str]) -> None:
        """As ``stop`` for each, side by side where the init system can."""
        ...

    def restart(self, name: str) -> None:
        """Restart it; a service that never ran is started."""
        ...

    def reload(self, name: str) -> None:
        """Make a running service read its configuration again."""
        ...

    def enable(self, name: str, *, later: bool = False) -> None:
        """Have it started at boot; what runs now is not touched.

        With ``later`` the next boot knows, and ``state`` only after ``catch_up``: each time that
        systemd reads its units again costs it a quarter of a second.
        """
        ...

    def disable(self, name: str, *, later: bool = False) -> None: ...

    def catch_up(self) -> None:
        """Let ``state`` tell what was enabled and disabled ``later``."""
        ...

    def loaded(self, name: str) -> bool:
        """Whether the init system has read the unit's present text."""
        ...

    def examine(self, name: str, text: str) -> None:
        """Raise ``StepFailed`` for a text that the init system would refuse, before it is there.

        What it would pass over is noted.
        """
        ...

    def load(self, name: str) -> None:
        """Have the unit's present text read.  Starts, stops and restarts nothing."""
        ...

    def unload(self, name: str) -> None:
        """Forget a unit whose text is gone."""
        ...

    def log(self, name: str, lines: int = 40) -> List[str]:
        """The last lines it printed, oldest first; empty when there are none."""
        ...

    def places(self, name: str) -> Sequence[str]:
        """Where a unit file of that name is looked for."""
        ...


def missing(name: str, places: Sequence[str]) -> NotReady:
    """There is no unit file of that name in any of ``places``."""
    return NotReady(
        "unit-missing",
        f"no unit file for {name}",
        expected=f"{places[0]}/{name}",
        found=f"looked in {', '.join(places)}",
        hint="add a Unit, or the Package that brings it, before this step",
    )
