"""One release, running under its own unit and answering on its own socket.

This is the rehearsal: nobody is sent here yet.  Whatever goes wrong, a unit that this step started
is stopped again, so that no broken instance lingers beside the one that serves.
"""

import re
from typing import ClassVar, FrozenSet, Optional, Sequence

from .. import rehearsal
from ..errors import StepFailed
from ..evidence import cause, deaths, loops, place, since, telling
from ..inits import InitSystem, UnitState, choose
from ..probe import Answer, ask
from ..record import dataclass
from ..redirects import followed
from ..resource import Invalid, Resource, State
from ..sockets import listening
from ..system import System

POLL_S = 0.05
READ_S = 2.0  # a log is read less often still
LOOK_S = 0.3  # asking the init system costs more than asking the app, and matters less often
FIRST_S = 2.0  # the first answer; each that does not come in time doubles what the next one has
UNITS = frozenset({"units"})
ANSWER_S = 10.0  # any other answer; the visitor of a page this slow has left
# How long the same bad answer is believed to be about to change, since the first answer.
SETTLED_S = {4: 2.0, 5: 5.0}
WARMING = (502, 503, 504)  # what an app says that is still getting ready
ELSEWHERE_S = 5.0  # how long a server may listen on a port before it listens on its socket


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
        if (
            not choose(system).state(self.unit).alive
            or rehearsal.begun(system, self.unit) is not None
        ):
            return {"answering": False}
        return {"answering": self._is_socket(system) and self._ask(ANSWER_S).good}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        init = choose(system)
        alive = init.state(self.unit).alive
        serving = self._serves(system) and alive
        begun = rehearsal.begun(system, self.unit) if alive and not serving else None
        try:
            before = self._start(system, init) if begun is None else begun
            first = None if begun is None else UnitState(self.unit)
            last = self._rehearse(system, init, before, first)
            self._stayed(init, since(before, init.log(self.unit, rehearsal.LINES)))
            if last.location:
                system.tell(followed(self.host, self.page, last, self._ask_for))
        except StepFailed:
            if serving:
                system.note(f"{self.unit} serves visitors and was left running")
                rehearsal.end(system, self.unit)
            else:
                rehearsal.give_up(system, init, self.unit)
            raise
        except BaseException:  # Ctrl-C, a signal to end: the same duty
            if not serving:
                rehearsal.give_up(system, init, self.unit)
            raise
        rehearsal.end(system, self.unit)

    def _serves(self, system: System) -> bool:
        link = system.stat(self.current)
        mine = self.release.rsplit("/", 1)[-1]
        return link is not None and link.target.rsplit("/", 1)[-1] == mine

    def _ask(self, timeout_s: float) -> Answer:
        return ask(self.socket, self.host, self.page, timeout_s=timeout_s)

    def _ask_for(self, page: str, proto: str) -> Answer:
        return ask(self.socket, self.host, page, timeout_s=ANSWER_S, proto=proto)

    def _is_socket(self, system: System) -> bool:
        there = system.stat(self.socket)
        return there is not None and there.kind == "other"  # never through a link of the app's

    def _start(self, system: System, init: InitSystem) -> Sequence[str]:
        system.progress(f"starting {self.unit}")
        try:
            # One that runs and does not answer well may run with what an earlier run gave it.
            return rehearsal.begin(system, init, self.unit)
        except StepFailed as error:
            if error.code != "service-failed":
                raise
            raise self._exited(init, init.state(self.unit), error.log) from error

    def _rehearse(
        self,
        system: System,
        init: InitSystem,
        before: Sequence[str],
        first: Optional[UnitState],
    ) -> Answer:
        """Wait for good answers in a row, and give the last; end early when the unit has ended.

        ``first`` is how the unit was when it was started, when that was before this step.
        An app that cannot be loaded may listen all the same, its server dying and being started
        again behind the socket: so its init is looked at before each question that can block.
        """
        until = system.monotonic() + self.timeout_s
        row = 0
        looked = -LOOK_S
        read = system.monotonic()
        patience = min(FIRST_S, ANSWER_S)
        last = Answer(fault="no socket")
        same = (0, "")  # what was answered ...
        since_s = began_s = system.monotonic()  # ... again and again since
        while system.monotonic() < until:
            there = self._is_socket(system)
            if (there and not last.good) or system.monotonic() - looked >= LOOK_S:
                first = self._look(system, init, first, again=looked >= 0.0)
                looked = system.monotonic()
            if not last.good and looked - read >= READ_S:
                read = looked
                self._read(init, before)
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
                    return last
                if last.good:
                    continue
                if (last.status, last.fault) != same:
                    same, since_s = (last.status, last.fault), system.monotonic()
                elif _settled(last, system.monotonic() - since_s):
                    break
            elif system.monotonic() - began_s > ELSEWHERE_S:
                self._elsewhere(system, init)
                began_s = system.monotonic()
            system.sleep(POLL_S)
        raise self._silent(init, last)

    def _look(
        self,
        system: System,
        init: InitSystem,
        first: Optional[UnitState],
        *,
        again: bool = True,
    ) -> UnitState:
        """The unit as it was at the first look.  Raises when it has ended since.

        Not ``again``: what this step has been told of it already will do.
        """
        if again:
            system.forget(UNITS)
        state = init.state(self.unit)
        if _ended(state, first or state):
            raise self._exited(init, state, ())
        # A server that has only just been started may have no process id to tell yet.
        return first if first and first.pid else state

    def _read(self, init: InitSystem, before: Sequence[str]) -> None:
        """Raises when the log says that the server keeps replacing workers that die."""
        if loops(since(before, init.log(self.unit, rehearsal.LINES))):
            raise self._exited(
                init, UnitState(self.unit, active="running", sub="its workers end"), ()
            )

    def _stayed(self, init: InitSystem, lines: Sequence[str]) -> None:
        """Raises when a worker has ended by itself although the answers were good."""
        died = deaths(lines)
        if died:
            raise StepFailed(
                "instance-exited",
                f"{self.unit} answered, and a worker of it ended by itself meanwhile",
                expected="workers that stay",
                found=cause(lines) or died[-1],
                hint=f"journalctl -u {self.unit} -n 50" if init.name == "systemd" else "",
                log=telling(lines),
            )

    def _elsewhere(self, system: System, init: InitSystem) -> None:
        """Raises when the unit's processes listen on a port, where nobody will ask them."""
        ports = listening(system, init.state(self.unit).pid)
        if ports:
            raise StepFailed(
                "instance-not-answering",
                f"{self.unit} listens on {', '.join(ports)} instead of its socket",
                expected=f"a server that listens on {self.socket}",
                found=", ".join(ports),
                hint="remove bind, port and run() from the app and from the server's settings: "
                "nginx asks at the socket",
                log=telling(init.log(self.unit, rehearsal.LINES)),
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
        lines = init.log(self.unit, rehearsal.LINES) or list(log)
        how = f"{state.active} ({state.sub})"
        if state.exit_status:
            how += f", exit status {state.exit_status}"
        return StepFailed(
            "instance-exited",
            f"{self.unit} ended before it answered",
            expected=f"{self.answers} good answers on {self.socket}",
            found=_cause(lines) or how,
            hint=f"journalctl -u {self.unit} -n 50" if init.name == "systemd" else "",
            log=telling(lines),
        )

    def _silent(self, init: InitSystem, last: Answer) -> StepFailed:
        lines = init.log(self.unit, rehearsal.LINES)
        expected = f"{self.answers} answers in a row with 2xx or 3xx within {self.timeout_s:g} s"
        asked = f"GET {self.page} with Host: {self.host}"
        if last.status:
            why = _cause(lines) if last.status >= 500 or last.fault else explained(last, lines)
            return StepFailed(
                "instance-bad-answer",
                f"{self.unit} answers {asked} with {last.said}",
                expected=expected,
                found=f"{last.said}; {why}" if why else last.said,
                hint=_advice(last, lines, self.host, self.group),
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
    # systemd's count goes on from before our start when that met it between two attempts.
    if state.restarts > first.restarts:
        return True
    return bool(first.pid) and state.pid != first.pid


def _settled(answer: Answer, seconds: float) -> bool:
    """Whether the same answer for so long will be the answer: nobody waits for the minute then."""
    if answer.status in WARMING:
        return False
    kind = 4 if answer.status < 500 else 5  # a good status with a body cut short is settled, too
    return bool(answer.status) and seconds >= SETTLED_S[kind]


def explained(answer: Answer, lines: Sequence[str]) -> str:
    """Why an app refuses a request, in its own words or those of its log."""
    if answer.status == 400:
        refused = [line for line in lines if "Invalid HTTP_HOST header" in line]
        if refused:
            return refused[-1].strip()
        if answer.body.strip() == b"Invalid host header":  # Starlette's
            return "Invalid host header"
    return ""


def _cause(lines: Sequence[str]) -> str:
    """The last exception, and where in the app's code it came from."""
    why, where = cause(lines), place(lines)
    return f"{why} ({where})" if why and where else why


def _advice(answer: Answer, lines: Sequence[str], host: str, app: str) -> str:
    """What helps against an answer."""
    status = answer.status
    if answer.fault:
        return f"an exception after the first byte, or a wrong Content-Length: toque errors {app}"
    if status in (400, 421):
        sure = "" if explained(answer, lines) else ", if it checks host names"
        return f"add {host!r} to ALLOWED_HOSTS or its like{sure}"
    if status == 404:
        return 'health = "/PATH" in toque.toml, a page that the app has'
    if status in (401, 403, 405):
        return 'health = "/PATH" in toque.toml, a page that answers 200 without signing in'
    if status >= 500:
        return f"toque errors {app} --last"
    return ""
