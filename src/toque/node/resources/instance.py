"""One release, running under its own unit and answering on its own socket.

This is the rehearsal: nobody is sent here yet.  Whatever goes wrong, a unit that this step started
is stopped again, so that no broken instance lingers beside the one that serves.
"""

import re
from typing import ClassVar, FrozenSet, Optional, Sequence

from ..errors import StepFailed
from ..evidence import cause, loops, telling
from ..inits import InitSystem, UnitState, choose
from ..probe import Answer, ask
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System

POLL_S = 0.05
READ_S = 2.0  # a log is read less often still
LOOK_S = 0.3  # asking the init system costs more than asking the app, and matters less often
FIRST_S = 2.0  # the first answer; each that does not come in time doubles what the next one has
UNITS = frozenset({"units"})
ANSWER_S = 10.0  # any other answer; the visitor of a page this slow has left


@dataclass(frozen=True)
class Instance(Resource):
    """``unit`` runs and answers ``answers`` requests in a row with 2xx or 3xx on ``socket``.

    ``host`` is the Host header that visitors send and ``page`` what they ask for; all of it has
    to happen within ``timeout_s``.  ``group`` is the one that may connect besides the owner.
    ``current`` is the link that says which release serves: a unit that serves is never stopped
    here, however badly it answers.
    """

    kind: ClassVar[str] = "instance"

    unit: str
    socket: str
    host: str
    group: str
    release: str
    current: str
    page: str = "/"
    answers: int = 3
    timeout_s: float = 40.0  # with the steps around it a deploy that fails has said so in a minute

    def validate(self) -> None:
        if not self.unit.endswith(".service"):
            raise Invalid("unit", "a name that ends with .service", self.unit)
        if not self.socket.startswith("/") or len(self.socket) > 107:  # sun_path, unix(7)
            raise Invalid("socket", "an absolute path of at most 107 characters", self.socket)
        if not self.page.startswith("/") or re.search(r"[\x00-\x20\x7f]", self.page):
            raise Invalid("page", "a path such as /health", self.page)
        if re.search(r"[^A-Za-z0-9.:\[\]_-]", self.host) or not self.host:
            raise Invalid("host", "a host name", self.host)
        if self.answers < 1:
            raise Invalid("answers", "at least 1", self.answers)

    def wanted(self) -> State:
        return {"answering": True}

    def found(self, system: System) -> Optional[State]:
        system.forget(UNITS)
        if not choose(system).state(self.unit).alive:
            return {"answering": False}
        return {"answering": self._is_socket(system) and self._ask(ANSWER_S).good}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        init = choose(system)
        serving = self._serves(system) and init.state(self.unit).alive
        try:
            self._start(system, init)
            self._rehearse(system, init)
        except StepFailed:
            if serving:
                system.note(f"{self.unit} serves visitors and was left running")
            else:
                self._stop(system, init)
            raise
        except BaseException:  # Ctrl-C, a signal to end: the same duty
            if not serving:
                self._stop(system, init)
            raise

    def _serves(self, system: System) -> bool:
        link = system.stat(self.current)
        mine = self.release.rsplit("/", 1)[-1]
        return link is not None and link.target.rsplit("/", 1)[-1] == mine

    def _ask(self, timeout_s: float) -> Answer:
        return ask(self.socket, self.host, self.page, timeout_s=timeout_s)

    def _is_socket(self, system: System) -> bool:
        there = system.stat(self.socket)
        return there is not None and there.kind == "other"  # never through a link of the app's

    def _start(self, system: System, init: InitSystem) -> None:
        system.progress(f"starting {self.unit}")
        try:
            # One that runs and does not answer well may run with what an earlier run gave it.
            if init.state(self.unit).alive:
                init.restart(self.unit)
            else:
                init.launch(self.unit)  # the rehearsal is the proof
        except StepFailed as error:
            if error.code != "service-failed":
                raise
            raise self._exited(init, init.state(self.unit), error.log) from error

    def _stop(self, system: System, init: InitSystem) -> None:
        try:
            init.stop(self.unit)
        except StepFailed as error:
            system.note(f"{self.unit} could not be stopped: {error.message}")

    def _rehearse(self, system: System, init: InitSystem) -> None:
        """Wait for good answers in a row; end early when the unit has ended.

        An app that cannot be loaded may listen all the same, its server dying and being started
        again behind the socket: so its init is looked at before each question that can block.
        """
        until = system.monotonic() + self.timeout_s
        first: Optional[UnitState] = None
        row = 0
        looked = -LOOK_S
        read = system.monotonic()
        patience = min(FIRST_S, ANSWER_S)
        last = Answer(fault="no socket")
        while system.monotonic() < until:
            there = self._is_socket(system)
            if (there and not last.good) or system.monotonic() - looked >= LOOK_S:
                first = self._look(system, init, first)
                looked = system.monotonic()
            if not last.good and looked - read >= READ_S:
                read = looked
                self._read(init)
            if there:
                began = system.monotonic()
                last = self._ask(patience)
                if last.good:
                    patience = ANSWER_S
                elif system.monotonic() - began >= patience:
                    patience = min(patience * 2, ANSWER_S)
                row = row + 1 if last.good else 0
                if row >= self.answers:
                    self._look(system, init, first)
                    self._check_socket(system)
                    return
                if last.good:
                    continue
            system.sleep(POLL_S)
        raise self._silent(init, last)

    def _look(self, system: System, init: InitSystem, first: Optional[UnitState]) -> UnitState:
        """The unit as it was at the first look.  Raises when it has ended since."""
        system.forget(UNITS)
        state = init.state(self.unit)
        if _ended(state, first or state):
            raise self._exited(init, state, ())
        # A server that has only just been started may have no process id to tell yet.
        return first if first and first.pid else state

    def _read(self, init: InitSystem) -> None:
        """Raises when the log says that the server keeps replacing workers that die."""
        if loops(init.log(self.unit, 120)):
            raise self._exited(
                init, UnitState(self.unit, active="running", sub="its workers end"), ()
            )

    def _check_socket(self, system: System) -> None:
        there = system.stat(self.socket)
        if there is None or (there.mode == 0o660 and there.group == self.group):
            return
        raise StepFailed(
            "socket-permissions",
            f"{self.socket} has the wrong mode or group",
            expected=f"mode 660, group {self.group}: nginx may connect, others may not",
            found=f"mode {there.mode:o}, group {there.group}",
            hint="set the mode in the app server's settings (uWSGI: chmod-socket = 660; "
            "gunicorn: --umask 117)",
        )

    def _exited(self, init: InitSystem, state: UnitState, log: Sequence[str]) -> StepFailed:
        lines = init.log(self.unit, 120) or list(log)
        how = f"{state.active} ({state.sub})"
        if state.exit_status:
            how += f", exit status {state.exit_status}"
        return StepFailed(
            "instance-exited",
            f"{self.unit} ended before it answered",
            expected=f"{self.answers} good answers on {self.socket}",
            found=cause(lines) or how,
            hint=f"journalctl -u {self.unit} -n 50" if init.name == "systemd" else "",
            log=telling(lines),
        )

    def _silent(self, init: InitSystem, last: Answer) -> StepFailed:
        lines = init.log(self.unit, 120)
        expected = f"{self.answers} answers in a row with 2xx or 3xx within {self.timeout_s:g} s"
        asked = f"GET {self.page} with Host: {self.host}"
        if last.status:
            why = cause(lines) if last.status >= 500 or last.fault else ""
            return StepFailed(
                "instance-bad-answer",
                f"{self.unit} answers {asked} with {last.said}",
                expected=expected,
                found=f"{last.said}; {why}" if why else last.said,
                hint=_advice(last.status),
                log=telling(lines),
            )
        return StepFailed(
            "instance-not-answering",
            f"{self.unit} runs but does not answer {asked}",
            expected=expected,
            found=last.said,
            hint="look at what the app does at start, and which socket its server listens on",
            log=telling(lines),
        )


def _ended(state: UnitState, first: UnitState) -> bool:
    """Whether the unit has ended since it was started, be it that its init starts it again."""
    if state.active in ("failed", "inactive", "deactivating") or state.sub in (
        "auto-restart",
        "backoff",
    ):
        return True
    if state.restarts:  # counted by systemd since somebody asked for the start
        return True
    return bool(first.pid) and state.pid != first.pid


def _advice(status: int) -> str:
    """What helps against a status."""
    if status in (400, 421):
        return "the app may not know this host name: see its list of allowed hosts"
    if status in (401, 403, 404):
        return "name a page that answers 200 without signing in: health in toque.toml"
    if status >= 500:
        return "the last lines of its log say why"
    return ""
