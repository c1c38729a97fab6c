"""The switch: one link, renamed, moves code, environment and socket at once.

A kill at any point leaves a site that comes back after a reboot: the new unit is enabled before the
link names it, the old ones are disabled only after.
"""

import json
from datetime import datetime, timezone
from typing import ClassVar, FrozenSet, List, Optional

from ..applayout import UNITS, release_of
from ..history import append_switch, read_history
from ..inits import choose
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System


@dataclass(frozen=True)
class Current(Resource):
    """``path`` points at ``release`` (``releases/ID``), and of ``app`` only ``unit`` starts at
    boot.

    Each switch is put on record with the release that served before.
    """

    kind: ClassVar[str] = "current"

    path: str
    release: str
    unit: str
    app: str

    def validate(self) -> None:
        release = release_of(self.app, self.unit)
        if release is None:
            raise Invalid("unit", f"a unit of a release of {self.app}", self.unit)
        if self.release != f"releases/{release}":
            raise Invalid("release", f"releases/{release}, which {self.unit} runs", self.release)

    def wanted(self) -> State:
        return {"release": self.release, "enabled": (self.unit,), "recorded": True}

    def found(self, system: System) -> Optional[State]:
        link = system.stat(self.path)
        if link is None:
            return None
        return {
            "release": link.target,
            "enabled": tuple(self._enabled(system)),
            "recorded": self._recorded(system),
        }

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        init = choose(system)
        new = not init.state(self.unit).enabled
        if new:
            init.enable(self.unit, later=True)
        before = system.stat(self.path)
        if before is not None and system.stat(f"{self._home}/{before.target}") is None:
            system.note(f"{self.path} led to {before.target}, which is not there any more")
        if before is None or before.target != self.release:
            system.link(self.path, self.release)  # renamed over the old one, directory synced
        if not self._recorded(system):
            self._record(system)
        # Looked at again after systemd has: only then does it tell of a unit that a switch which
        # failed halfway has enabled.
        while self._disable_others(system) or new:
            init.catch_up()
            new = False

    def _disable_others(self, system: System) -> bool:
        """Whether there were units of other releases that start at boot."""
        old = [unit for unit in self._enabled(system) if unit != self.unit]
        for unit in old:
            choose(system).disable(unit, later=True)
        return bool(old)

    def _enabled(self, system: System) -> List[str]:
        """The units of this app that start at boot."""
        init = choose(system)
        units = [name for name in system.names(UNITS) if release_of(self.app, name)]
        init.prefetch(units)
        return [unit for unit in units if init.state(unit).enabled]

    def _recorded(self, system: System) -> bool:
        switches = read_history(system, self.app)
        return bool(switches) and switches[-1]["release"] == self._id

    @property
    def _home(self) -> str:
        return self.path.rsplit("/", 1)[0]

    @property
    def _id(self) -> str:
        return self.release.rsplit("/", 1)[-1]

    def _record(self, system: System) -> None:
        before = [switch["release"] for switch in read_history(system, self.app)]
        append_switch(
            system,
            self.app,
            {
                "at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
                "release": self._id,
                "commit": self._commit(system),
                "from": before[-1] if before else "",
            },
        )

    def _commit(self, system: System) -> str:
        path = f"{self.path.rsplit('/', 1)[0]}/{self.release}/.toque/release.json"
        try:
            return str(json.loads(system.read(path))["commit"])
        except (FileNotFoundError, ValueError, KeyError):
            return ""
