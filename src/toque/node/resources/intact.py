"""A release that is all there: nothing of it was deleted by hand since it was made."""

from typing import ClassVar, FrozenSet, List, Optional

from ..applayout import UNITS, app_path, env_path, is_release, unit_name
from ..errors import NotReady
from ..inits import choose
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System
from .venv import MARKER

DELETED = " (deleted)"  # what the kernel says of a directory that is gone: proc(5), cwd


@dataclass(frozen=True)
class Intact(Resource):
    """Directory, environment, variables and unit of ``release`` (an ID) of ``app`` are there.

    What is missing is named, and nothing is started.  An instance that still runs from a directory
    that was deleted is stopped: it would fail at whatever it has not read yet.
    """

    kind: ClassVar[str] = "intact"

    app: str
    release: str

    def validate(self) -> None:
        if not is_release(self.release):
            raise Invalid("release", "a release ID", self.release)

    def wanted(self) -> State:
        return {"astray": False}

    def found(self, system: System) -> Optional[State]:
        missing = self._missing(system)
        if missing:
            raise NotReady(
                "release-incomplete",
                f"release {self.release} is not whole",
                expected=f"all parts of a release of {self.app}",
                found=f"missing: {', '.join(missing)}",
                hint=f"toque deploy {self.app} --ref {self.release.partition('-')[0]}",
            )
        return {"astray": self._astray(system)}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        system.note(f"its directory was deleted and made again; {self._unit} starts anew")
        choose(system).stop(self._unit)

    @property
    def _unit(self) -> str:
        return unit_name(self.app, self.release)

    def _missing(self, system: System) -> List[str]:
        own = f"{app_path(self.app)}/releases/{self.release}/.toque"
        venv = system.stat(f"{own}/venv")
        needed = [
            f"{own}/release.json",
            f"{venv.target}/{MARKER}" if venv is not None else f"{own}/venv",
            env_path(self.app, self.release),
            f"{UNITS}/{self._unit}",
        ]
        return [path for path in needed if system.stat(path) is None]

    def _astray(self, system: System) -> bool:
        pid = choose(system).state(self._unit).pid
        place = system.stat(f"/proc/{pid}/cwd") if pid else None
        return place is not None and place.target.endswith(DELETED)
