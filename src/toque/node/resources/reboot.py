"""A reboot at the end of the run that needs it."""

import re
from typing import ClassVar, FrozenSet, List, Optional, Tuple

from ..errors import StepFailed
from ..model import Action
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System

ASKED = "/run/toque-reboot"  # gone after the reboot, whatever became of the run that asked


@dataclass(frozen=True)
class Reboot(Resource):
    """Reboot the machine at the end of this run if it is needed: ``Reboot()``.

    It is needed when ``needed`` exists, a path under ``/run`` and therefore gone afterwards;
    Debian's packages make ``/run/reboot-required`` (with ``update-notifier-common`` or
    ``unattended-upgrades``).  Other steps ask for one with ``notify=reboot.request``.

    The step only asks.  When the walk has reached its end without a failure, the node writes the
    report to its disk and reboots; the controller waits until it is back and goes on.  A run that
    fails or is stopped does not reboot: the next one does.
    """

    needed: str = "/run/reboot-required"

    kind: ClassVar[str] = "reboot"
    verbs: ClassVar[Tuple[str, ...]] = ("request",)
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset()

    @property
    def key(self) -> str:
        """One reboot is enough: two of these in a plan are a mistake."""
        return "machine"

    @property
    def request(self) -> Action:
        return Action(self.id, "request")

    def validate(self) -> None:
        if not re.fullmatch(r"/run/[^\x00-\x1f]+", self.needed) or ".." in self.needed.split("/"):
            raise Invalid("needed", "a path under /run, which a reboot empties", self.needed)

    def wanted(self) -> State:
        return {"needed": False}

    def found(self, system: System) -> State:
        return {"needed": any(system.stat(path) for path in (self.needed, ASKED))}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        self.perform(system, "request")

    def perform(self, system: System, verb: str) -> None:
        if system.facts.init != "systemd":
            raise StepFailed(
                "reboot-impossible",
                "this machine cannot reboot by itself: no systemd runs on it",
                expected="systemd",
                found=system.facts.init,
                hint='leave the step out there: when=Guard("fact", ["init", "systemd"])',
            )
        system.write(ASKED, b"")
        system.note("the machine reboots at the end of this run")

    def answered_by(self, found: Optional[State], fixed: FrozenSet[str]) -> FrozenSet[str]:
        return frozenset(self.verbs) if fixed else frozenset()

    def reads_back(self) -> bool:
        return False  # it is needed until it is done

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> List[str]:
        return ["+ reboot at the end of the run"]
