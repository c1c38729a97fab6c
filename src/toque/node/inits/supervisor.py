"""Debian's supervisor (4.2) as the init system of a machine on which no systemd runs.

A unit file in systemd's language stays the source of truth.  Its translation lies in conf.d, and
supervisord takes it over at the next start of that program: like systemd's daemon-reload, loading
a new text never restarts anything.  ``enabled`` is the translation's ``autostart``.
"""

import re
from typing import Callable, FrozenSet, List, Mapping, Optional, Sequence, TypeVar

from ..errors import StepFailed
from ..system import System
from .confs import CONF, PLACES, Confs, conf_path, program
from .daemon import Daemon, NoAnswer, Program, Refused
from .protocol import UnitState
from .translate import log_path

UNITS: FrozenSet[str] = frozenset({"units"})
MAIN = "/etc/supervisor/supervisord.conf"
SOCKET = "/var/run/supervisor.sock"  # Debian's

POLL_S = 0.03
PROVED_S = 30.0  # startsecs is 1; a machine that is short of time may need longer
END_S = 1800.0  # a program's own stopwaitsecs decides; this only bounds a broken supervisord

T = TypeVar("T")

_ACTIVE = {
    "RUNNING": "active",
    "STARTING": "activating",
    "BACKOFF": "activating",
    "STOPPING": "deactivating",
    "FATAL": "failed",
}


class Supervisor:
    """Runs services through supervisord."""

    name = "supervisor"

    def __init__(self, system: System, daemon: Daemon) -> None:
        self._system = system
        self._daemon = daemon
        self._confs = Confs(system)

    def state(self, name: str) -> UnitState:
        found = self._program(name) or Program()
        conf = self._confs.text(name)
        if not self._confs.source(name) and not self._confs.foreign(name):
            return UnitState(name)  # also when our program outlived its unit file
        on = conf is not None and not re.search(r"(?m)^autostart *= *(false|no|0|off) *$", conf)
        return UnitState(
            name=name,
            load="loaded",
            active=_ACTIVE.get(found.state, "inactive"),
            sub=found.state.lower(),
            file="enabled" if on else "disabled",
            stale=not self.loaded(name),
            pid=found.pid,
            result="success" if found.state in ("RUNNING", "STOPPED") else found.said,
            exit_status=found.exit_status,
        )

    def prefetch(self, names: Sequence[str]) -> None:
        self._programs()  # one exchange always answers for all

    def start(self, name: str) -> None:
        self.launch(name)
        self._proved(name)

    def launch(self, name: str) -> None:
        self._take_over(name)
        found = self._program(name)
        if found is not None and found.state in ("BACKOFF", "STOPPING"):
            self._end(name)  # supervisord would take a start for done, and do nothing
        # A text that was taken over starts by itself when it is enabled.
        self._act("start", name, "ALREADY_STARTED", self._daemon.start)

    def stop(self, name: str) -> None:
        if self._program(name) is not None:
            self._end(name)
        if self._confs.foreign(name):
            return
        translation = self._confs.translation(name)
        for directory in translation.runtime if translation else ():
            self._system.remove_tree(f"/run/{directory}")

    def discard(self, name: str, patience_s: float) -> None:
        self.stop(name)  # supervisord kills what belongs to it in its own time only

    def stop_all(self, names: Sequence[str]) -> None:
        for name in names:
            self.stop(name)

    def restart(self, name: str) -> None:
        if not self._take_over(name):
            self._end(name)
        self.start(name)

    def reload(self, name: str) -> None:
        translation = None if self._confs.foreign(name) else self._confs.translation(name)
        pid = self.state(name).pid
        if translation is not None and translation.reload_command:
            words = (
                w.replace("${MAINPID}", str(pid)).replace("$MAINPID", str(pid))
                for w in translation.reload_command
            )
            self._system.run(list(words), user=translation.user or None)
            return
        signal = translation.reload_signal if translation else "HUP"
        if not signal:
            raise StepFailed(
                "service-failed",
                f"{name} cannot reload",
                expected="an ExecReload in its unit file",
                found="none",
                hint="notify .restart instead",
            )
        self._act("signal", name, "", lambda of: self._daemon.signal(of, signal))

    def enable(self, name: str, *, later: bool = False) -> None:
        self._write(name, True)

    def disable(self, name: str, *, later: bool = False) -> None:
        self._write(name, False)

    def examine(self, name: str, text: str) -> None:
        pass  # translating it, which ``load`` does, starts no process and is all there is

    def catch_up(self) -> None:
        pass  # its texts are what tells

    def loaded(self, name: str) -> bool:
        return self._confs.foreign(name) or self._confs.current(name)

    def load(self, name: str) -> None:
        self._write(name, None)

    def unload(self, name: str) -> None:
        if self._confs.foreign(name):
            return
        self._confs.remove(name)
        self._reread()
        if self._program(name) is not None:
            self._end(name)
            self._act("remove", name, "BAD_NAME", self._daemon.remove)

    def log(self, name: str, lines: int = 40) -> List[str]:
        conf = self._confs.text(name) or ""
        named = re.search(r"(?m)^stdout_logfile *= *(\S+) *$", conf)
        path = named.group(1).replace("%%", "%") if named else log_path(name)
        if self._system.stat(path) is None:
            return []
        argv = ["tail", "-n", str(lines), "--", path]
        return self._system.run(argv, check=False, timeout_s=30).text.splitlines()

    def places(self, name: str) -> Sequence[str]:
        return PLACES

    # What there is

    def _programs(self) -> Mapping[str, Program]:
        return self._system.observe("units", lambda: self._answered(self._daemon.programs))

    def _program(self, name: str) -> Optional[Program]:
        return self._programs().get(program(name))

    def _now(self, name: str) -> Program:
        """As it is at this moment; one that supervisord does not know is stopped."""
        self._system.forget(UNITS)
        return self._program(name) or Program()

    def _write(self, name: str, enabled: Optional[bool]) -> None:
        if self._confs.foreign(name):
            if enabled is None or enabled == self.state(name).enabled:
                return
            raise StepFailed(
                "unit-not-ours",
                f"{conf_path(name)} was not written by Toque and is left as it is",
                expected=f"autostart={'true' if enabled else 'false'}",
                hint=f"remove {conf_path(name)} and converge again",
            )
        self._confs.write(name, enabled)
        self._system.forget(UNITS)

    # Acting

    def _take_over(self, name: str) -> bool:
        """Give supervisord the text on disk when it has another; says whether it had."""
        self._write(name, None)
        if program(name) not in self._reread():
            return False
        if self._program(name) is not None:
            self._end(name)
            self._act("remove", name, "BAD_NAME", self._daemon.remove)
        self._act("add", name, "ALREADY_ADDED", self._daemon.add)
        return True

    def _reread(self) -> FrozenSet[str]:
        try:
            return self._answered(self._daemon.reread)
        except Refused as error:
            raise StepFailed(
                "unit-refused",
                "supervisord refuses its configuration",
                expected=f"a configuration in {CONF} that it can read",
                found=str(error),
            ) from error
        finally:
            self._system.forget(UNITS)

    def _answered(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except NoAnswer as error:
            raise StepFailed(
                "init-unreachable",
                "supervisord does not answer",
                expected="an answer on its socket",
                found=str(error),
            ) from error

    def _act(self, verb: str, name: str, fine: str, ask: Callable[[str], None]) -> None:
        """``fine`` names the fault that says that nothing is left to do."""
        try:
            self._answered(lambda: ask(program(name)))
        except Refused as error:
            if error.fault != fine:
                raise self._failed(verb, name, str(error)) from error
        finally:
            self._system.forget(UNITS)

    def _end(self, name: str) -> None:
        """Stop it and wait for its end."""
        until = self._system.monotonic() + END_S
        ends = 0
        while self._system.monotonic() < until:
            found = self._now(name)
            # EXITED is the moment between an end and the next start by itself, or it lasts.
            ends = ends + 1 if found.state == "EXITED" else 0
            if found.state in ("STOPPED", "FATAL") or ends > 1:
                return
            if found.state != "STOPPING":
                self._act("stop", name, "NOT_RUNNING", self._daemon.stop)
            self._system.sleep(POLL_S)
        raise self._failed("stop", name, f"it did not end within {END_S:g} s")

    def _proved(self, name: str) -> None:
        """Wait until it has run for startsecs."""
        until = self._system.monotonic() + PROVED_S
        while self._now(name).state == "STARTING" and self._system.monotonic() < until:
            self._system.sleep(POLL_S)
        if not self.state(name).running:
            raise self._failed("start", name, "")

    def _failed(self, verb: str, name: str, said: str) -> StepFailed:
        found = self._program(name)
        now = f"{found.state} {found.said}".strip() if found else "unknown to supervisord"
        return StepFailed(
            "service-failed",
            f"{name} did not {verb}",
            expected=f"supervisorctl {verb} {program(name)} to succeed",
            found=f"{now}; {said}" if said else now,
            hint=f"tail {log_path(name)}",
            log=self.log(name),
        )


def socket_path(system: System) -> str:
    """Where this machine's supervisord listens, as its own configuration says."""
    try:
        text = system.read(MAIN).decode("utf-8", "replace")
    except (OSError, StepFailed):
        return SOCKET
    said = re.search(r"(?m)^serverurl *= *unix://(/[^\s;%]+)", text)
    return said.group(1) if said else SOCKET
