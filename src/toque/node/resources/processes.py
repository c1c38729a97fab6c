"""The units of one release's workers and schedules, written and read by the init system."""

from typing import ClassVar, Dict, FrozenSet, Mapping, Optional, Sequence

from ..applayout import UNITS, is_release
from ..appunits import part_of
from ..claim import Claim
from ..contents import text_at
from ..errors import StepFailed
from ..inits import choose
from ..inits.unitfile import UnitSyntax, parse
from ..record import dataclass, field
from ..resource import Invalid, Resource, State
from ..system import System


@dataclass(frozen=True)
class Processes(Resource):
    """``units`` (names and texts) of ``release`` of ``app`` are there; none of them is started.

    They are all read at once: each time that systemd reads its units costs a quarter of a second.
    """

    kind: ClassVar[str] = "processes"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"units"})

    app: str
    release: str
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.app} {self.release}"

    def validate(self) -> None:
        if not is_release(self.release):
            raise Invalid("release", "a release ID", self.release)
        for name, text in self.units.items():
            part = part_of(self.app, name)
            if part is None or part.release != self.release:
                raise Invalid("units", f"units of {self.app} {self.release}", name)
            try:
                parse(text)
            except UnitSyntax as error:
                raise Invalid("units", "texts of units", str(error)) from error

    def claims(self) -> Sequence[Claim]:
        return [Claim(f"{UNITS}/{name}") for name in self.units]

    def wanted(self) -> State:
        return {"units": tuple(sorted(self.units)), "loaded": True}

    def found(self, system: System) -> Optional[State]:
        same = [n for n in self.units if text_at(system, f"{UNITS}/{n}") == self.units[n]]
        init = choose(system)
        init.prefetch(same)
        loaded = len(same) == len(self.units) and all(init.loaded(name) for name in same)
        return {"units": tuple(sorted(same)), "loaded": loaded}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if system.facts.init != "systemd":
            self._refuse_schedules(system)
        for name, text in self.units.items():
            if text_at(system, f"{UNITS}/{name}") != text:
                system.write(f"{UNITS}/{name}", text.encode())
        system.forget(self.disturbs)
        init = choose(system)
        names = list(self.units)
        for name in names if init.name != "systemd" else names[:1]:
            init.load(name)
        system.forget(self.disturbs)
        wrong = [name for name in names if not init.loaded(name)]
        if wrong:
            state = init.state(wrong[0])
            raise StepFailed(
                "unit-refused",
                f"the init system refuses {wrong[0]}",
                expected="a unit that can be loaded",
                found=f"{state.load}: {state.error}",
                hint=f"systemd-analyze verify {UNITS}/{wrong[0]}",
            )

    def _refuse_schedules(self, system: System) -> None:
        timers: Dict[str, str] = {n: t for n, t in self.units.items() if n.endswith(".timer")}
        if timers:
            raise StepFailed(
                "timer-needs-systemd",
                f"{next(iter(timers))} needs systemd, which does not run on this machine",
                expected="systemd",
                found=f"{system.facts.init}: {system.facts.init_reason}".rstrip(": "),
                hint="use Cron in a cookbook there, or a machine with systemd",
            )

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> Sequence[str]:
        there = found["units"] if found else ()
        return [f"+ {name}" for name in sorted(self.units) if name not in there]
