"""Whether a service runs now and whether it starts at boot."""

import re
from typing import ClassVar, FrozenSet, Optional, Sequence, Tuple

from ..errors import StepFailed
from ..inits import choose, unit_name
from ..inits.protocol import missing
from ..model import Action
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System

_NAME = re.compile(r"[A-Za-z0-9:_.@-]+\Z")


@dataclass(frozen=True)
class Service(Resource):
    """A unit's ``running`` and ``enabled``; None leaves that aspect alone.

    ``nginx`` is short for ``nginx.service``.  ``service.restart`` and ``service.reload`` are what
    other steps notify; restarting a service that never ran starts it, and both do nothing for one
    that is declared ``running=False``.

    An umbrella such as Debian's ``postgresql`` runs when its clusters run: a start also starts
    clusters that are down, a restart and a reload reach them through systemd's own propagation.
    """

    name: str
    running: Optional[bool] = None
    enabled: Optional[bool] = None

    kind: ClassVar[str] = "service"
    verbs: ClassVar[Tuple[str, ...]] = ("restart", "reload")
    together: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """The name without ``.service``, so that both spellings are one service."""
        return self.name[: -len(".service")] if self.name.endswith(".service") else self.name

    @property
    def unit(self) -> str:
        return unit_name(self.name)

    @property
    def restart(self) -> Action:
        return Action(self.id, "restart")

    @property
    def reload(self) -> Action:
        return Action(self.id, "reload")

    def validate(self) -> None:
        if not _NAME.match(self.name):
            raise Invalid("name", "a service's name such as nginx", self.name)

    @classmethod
    def prefetch(cls, system: System, resources: "Sequence[Service]") -> None:
        """Look at many services in one exchange; ``found`` then answers without another."""
        choose(system).prefetch([service.unit for service in resources])

    def wanted(self) -> State:
        return {"running": self.running, "enabled": self.enabled}

    def found(self, system: System) -> State:
        init = choose(system)
        state = init.state(self.unit)
        if not state.exists and (self.running is not False or self.enabled):
            raise missing(self.unit, init.places(self.unit))
        if state.load == "masked" and (self.running or self.enabled):
            raise StepFailed(
                "service-masked",
                f"{self.unit} is masked, so nobody can start or enable it",
                expected="a unit that is not masked",
                found=f"LoadState {state.load}",
                hint=f"systemctl unmask {self.unit}",
            )
        return {"running": state.activity, "enabled": state.enabled}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        init = choose(system)
        if "enabled" in keys:
            if self.enabled:
                init.enable(self.unit)
                self._check_enabled(system)
            else:
                init.disable(self.unit)
        if "running" in keys:
            if self.running:
                system.progress(f"starting {self.unit}")
                init.start(self.unit)
            else:
                system.progress(f"stopping {self.unit}")
                init.stop(self.unit)

    def perform(self, system: System, verb: str) -> None:
        init = choose(system)
        if self.running is False:
            system.note(f"{verb} left out: {self.unit} is declared as not running")
            return
        state = init.state(self.unit)
        if not state.exists:
            raise missing(self.unit, init.places(self.unit))
        system.progress(f"{verb} {self.unit}")
        if verb == "restart":
            init.restart(self.unit)
        elif state.running:
            init.reload(self.unit)
        elif self.running:
            init.start(self.unit)
        else:
            system.note(f"reload left out: {self.unit} does not run")

    def answered_by(self, found: Optional[State], fixed: FrozenSet[str]) -> FrozenSet[str]:
        """A start answers if nothing of it ran.  One that was starting, as at boot, or ran in part
        may have read what it was told before."""
        if self.running and "running" in fixed and found and found["running"] is False:
            return frozenset(self.verbs)
        return frozenset()

    def _check_enabled(self, system: System) -> None:
        state = choose(system).state(self.unit)
        if not state.enabled:
            raise StepFailed(
                "service-failed",
                f"{self.unit} cannot be enabled",
                expected="a unit with an [Install] section",
                found=f"unit file state {state.file or 'unknown'}",
                hint=f"add [Install] WantedBy=multi-user.target to {self.unit}",
            )
