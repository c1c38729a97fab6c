"""Groups of a machine, through groupadd, groupmod and groupdel."""

from typing import Any, ClassVar, Dict, FrozenSet, Optional, Tuple

from ..accounts import accounts, members, teams
from ..errors import NotReady
from ..record import dataclass
from ..resource import EXISTS, Invalid, Resource, State
from ..system import System
from .user import valid_name


@dataclass(frozen=True)
class Group(Resource):
    """A local group.  ``gid`` is its number, None for whichever it has or gets; a ``system`` group
    gets one below 1000.

    ``members`` are added to those it has, or with ``append=False`` are exactly those; somebody for
    whom it is the primary group stays in it.  A group that is somebody's primary one is not
    removed: ``groupdel`` says whose.
    """

    name: str
    gid: Optional[int] = None
    system: bool = False
    members: Optional[Tuple[str, ...]] = None
    append: bool = True
    absent: bool = False
    kind: ClassVar[str] = "group"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"groups", "users"})

    def validate(self) -> None:
        valid_name("name", self.name)
        for name in self.members or ():
            valid_name("members", name)
        if self.absent and self.name == "root":
            raise Invalid("absent", "a group that a system can do without", self.name)

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        return {
            "gid": self.gid,
            "members": None if self.members is None else sorted(set(self.members)),
        }

    def found(self, system: System) -> Optional[State]:
        team = teams(system).get(self.name)
        if team is None:
            return None
        state: Dict[str, Any] = {"gid": team.gid}
        if self.members is not None:
            wanted = set(self.members)
            more = set() if self.append else set(team.members)
            state["members"] = sorted((members(system, team) & wanted) | more)
        return state

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.absent:
            system.run(["groupdel", "--", self.name])
            return
        if EXISTS in keys:
            argv = ["groupadd"]
            if self.gid is not None:
                argv.append(f"--gid={self.gid}")
            if self.system:
                argv.append("--system")
            system.run([*argv, "--", self.name])
        elif "gid" in keys:
            system.run(["groupmod", f"--gid={self.gid}", "--", self.name])
        if "members" in keys:
            self._set_members(system)

    def _set_members(self, system: System) -> None:
        team = teams(system).get(self.name)
        has = members(system, team) if team else set()
        for name in sorted(set(self.members or ()) - has):
            if name not in accounts(system):
                raise NotReady(
                    "user-missing",
                    f"there is no user {name} for group {self.name}",
                    expected="a step before this one that makes the user",
                    hint=f'add User("{name}") before this step',
                )
            if self.append:
                system.run(["usermod", "--append", f"--groups={self.name}", "--", name])
        if not self.append:
            system.run(
                ["gpasswd", "--members", ",".join(sorted(set(self.members or ()))), self.name]
            )
