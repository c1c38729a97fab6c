"""A command that systemd runs on a schedule: a timer and its service."""

import re
from typing import ClassVar, Dict, FrozenSet, List, Optional, Sequence, Tuple

from ..accounts import accounts
from ..claim import Claim
from ..errors import NotReady, StepFailed
from ..inits import choose
from ..inits.unitfile import UnitSyntax, word
from ..record import dataclass
from ..resource import EXISTS, Invalid, Resource, State
from ..system import System
from .service import Service
from .unit import Unit
from .user import valid_name

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9:_.-]*")
_SCHEDULE = re.compile(r"[A-Za-z0-9 *:/.,~+_-]+")


@dataclass(frozen=True)
class Timer(Resource):
    """A command on a schedule: ``Timer("backup", "*-*-* 03:30", ("/usr/local/bin/backup",))``.

    ``schedule`` is a calendar event of systemd.time(7), such as ``daily``, ``Mon..Fri 08:00`` or
    ``*:0/15``, in the node's time zone.  ``command`` is an argument list that reaches its program
    as it is; the program is named by its whole path.  It runs as ``user`` from ``cwd``, with the
    variables of ``environment_file``, and is ended after ``timeout_s`` seconds (None: never).

    ``persistent`` runs it soon after a boot that comes too late for its time.  ``spread_s`` puts
    each run off by up to so many seconds, so that a fleet does not move as one.  A run that still
    goes on when the next is due is left alone and no second one begins beside it.

    The output is in the journal: ``journalctl -u backup``.  Where supervisor runs services there
    are no timers: such a machine is refused, use cron there.
    """

    name: str
    schedule: str = ""
    command: Tuple[str, ...] = ()
    user: str = "root"
    cwd: str = "/"
    environment_file: Optional[str] = None
    timeout_s: Optional[int] = None
    persistent: bool = False
    spread_s: int = 0
    absent: bool = False

    kind: ClassVar[str] = "timer"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"units"})
    together: ClassVar[bool] = True

    def validate(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name.endswith((".timer", ".service")):
            raise Invalid("name", "a name such as backup, without .timer", self.name)
        if self.absent:
            return
        if not _SCHEDULE.fullmatch(self.schedule):
            raise Invalid("schedule", "a calendar event such as *-*-* 03:30", self.schedule)
        if not self.command or not re.fullmatch(r"/[^\s\"'\\%$;]+", self.command[0]):
            raise Invalid("command", "an argument list that starts with a whole path", self.command)
        try:
            self._exec()
        except UnitSyntax as error:
            raise Invalid("command", "arguments that a process can be given", str(error)) from error
        valid_name("user", self.user)
        for field in ("cwd", "environment_file"):
            path = getattr(self, field)
            if path is not None and not re.fullmatch(r"/([^\x00-\x20\x7f\\\"']+)?", path):
                raise Invalid(field, "a whole path without spaces and quotes", path)
        if self.spread_s < 0:
            raise Invalid("spread_s", "seconds, 0 for none", self.spread_s)
        if self.timeout_s is not None and self.timeout_s <= 0:
            raise Invalid("timeout_s", "seconds, or None for no limit", self.timeout_s)

    @classmethod
    def prefetch(cls, system: System, resources: "Sequence[Timer]") -> None:
        if system.facts.init == "systemd":
            names = [f"{one.name}.{end}" for one in resources for end in ("timer", "service")]
            choose(system).prefetch(names)

    def claims(self) -> Sequence[Claim]:
        return (*self._service().claims(), *self._timer().claims())

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        return {
            "service": self._service().content,
            "timer": self._timer().content,
            "loaded": True,
            "enabled": True,
            "running": True,
        }

    def found(self, system: System) -> Optional[State]:
        if system.facts.init != "systemd":
            if self.absent:
                return None
            raise StepFailed(
                "timer-needs-systemd",
                f"{self.name} needs systemd, which does not run on this machine",
                expected="systemd",
                found=f"{system.facts.init}: {system.facts.init_reason}".rstrip(": "),
                hint='use Cron there, or a guard: when=Guard("fact", ["init", "systemd"])',
            )
        service, timer = self._service().found(system), self._timer().found(system)
        if service is None and timer is None:
            return None
        state: Dict[str, object] = {
            "service": service and service["content"],
            "timer": timer and timer["content"],
            "loaded": bool(service and timer and service["loaded"] and timer["loaded"]),
            "enabled": False,
            "running": False,
        }
        if timer is not None:
            state.update(self._switch().found(system))
        return state

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.absent:
            # The timer first: nothing may start a service that is going.
            self._timer().fix(system, keys)
            self._service().fix(system, keys)
            return
        self._check(system)
        for unit in (self._service(), self._timer()):
            found = unit.found(system)
            if found != unit.wanted():
                changed = {"content"} if not found or found["content"] != unit.content else set()
                unit.fix(system, frozenset({"loaded", *changed}))
                system.forget(self.disturbs)
        switch = self._switch()
        if "timer" in keys and EXISTS not in keys and switch.found(system)["running"]:
            choose(system).restart(switch.unit)  # counts its next time from the new schedule
        switch.fix(system, keys & {"enabled", "running"})

    def _check(self, system: System) -> None:
        """What systemd would find out only when it is time."""
        if self.user not in accounts(system):
            raise NotReady(
                "user-missing",
                f"there is no user {self.user} for timer {self.name}",
                expected="a step before this one that makes the user",
                hint=f'add User("{self.user}") before this step',
            )
        result = system.run(["systemd-analyze", "calendar", "--", self.schedule], check=False)
        if result.code != 0:
            raise StepFailed(
                "schedule-refused",
                f"systemd cannot read the schedule of timer {self.name}; nothing was changed",
                expected="a calendar event of systemd.time(7), such as *-*-* 03:30",
                found=self.schedule,
                log=result.tail(),
            )

    def _switch(self) -> Service:
        return Service(f"{self.name}.timer", running=True, enabled=True)

    def _exec(self) -> str:
        return " ".join([self.command[0], *(word(argument) for argument in self.command[1:])])

    def _service(self) -> Unit:
        lines: List[str] = []
        if not self.absent:
            lines = ["[Unit]", f"Description=Toque timer {self.name}", "", "[Service]"]
            lines += ["Type=oneshot", f"User={self.user}"]
            lines.append(f"WorkingDirectory={self.cwd.replace('%', '%%')}")
            if self.environment_file is not None:
                lines.append(f"EnvironmentFile={self.environment_file.replace('%', '%%')}")
            limit = "infinity" if self.timeout_s is None else str(self.timeout_s)
            lines += [f"TimeoutStartSec={limit}", f"ExecStart={self._exec()}", ""]
        return Unit(f"{self.name}.service", "\n".join(lines), self.absent)

    def _timer(self) -> Unit:
        lines: List[str] = []
        if not self.absent:
            lines = ["[Unit]", f"Description=Toque timer {self.name}", "", "[Timer]"]
            # By default systemd puts wake-ups together and may be a minute late.
            lines += [f"OnCalendar={self.schedule}", "AccuracySec=1s"]
            lines.append(f"Persistent={'yes' if self.persistent else 'no'}")
            if self.spread_s:
                lines.append(f"RandomizedDelaySec={self.spread_s}")
            lines += ["", "[Install]", "WantedBy=timers.target", ""]
        return Unit(f"{self.name}.timer", "\n".join(lines), self.absent)
