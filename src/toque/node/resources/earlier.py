"""Links to the releases that served before, so that pages they sent still find their files.

A visitor's page asks for the style sheet that it was written with; the switch must not take that
away.  So nginx looks in the release that serves, and then behind these links.
"""

from typing import ClassVar, Dict, FrozenSet, List, Optional

from ..applayout import app_path, is_release
from ..history import read_history
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System


@dataclass(frozen=True)
class Earlier(Resource):
    """``/srv/www/APP/earlier/1`` and on, of ``app``, lead to the last ``count`` releases that
    served before ``release`` (an ID) will, the latest first, those that are still there.

    It comes before the switch: at no moment is a file out of reach that a page has named.
    """

    kind: ClassVar[str] = "earlier"

    app: str
    release: str
    count: int

    def validate(self) -> None:
        if not is_release(self.release):
            raise Invalid("release", "the id of a release", self.release)
        if not 1 <= self.count <= 9:
            raise Invalid("count", "1 to 9", self.count)

    def wanted(self) -> State:
        return {"as_served": True}

    def found(self, system: System) -> Optional[State]:
        return {"as_served": self._links(system) == self._due(system)}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if system.stat(self._folder) is None:
            system.mkdir(self._folder, owner="root", group="root", mode=0o755)
        links, due = self._links(system), self._due(system)
        # The oldest first: whatever a link lets go of has a link after it already.
        for name in sorted(due, reverse=True):
            if links.get(name) != due[name]:
                system.link(f"{self._folder}/{name}", due[name])
        for name in links:
            if name not in due:
                system.remove(f"{self._folder}/{name}")

    @property
    def _folder(self) -> str:
        return f"{app_path(self.app)}/earlier"

    def _links(self, system: System) -> Dict[str, str]:
        if system.stat(self._folder) is None:
            return {}
        found = {}
        for name in system.names(self._folder):
            there = system.stat(f"{self._folder}/{name}")
            found[name] = there.target if there else ""
        return found

    def _due(self, system: System) -> Dict[str, str]:
        """The targets of the links by their names."""
        home = app_path(self.app)
        now = system.stat(f"{home}/current")
        served = [switch["release"] for switch in read_history(system, self.app)]
        served += [now.target.rsplit("/", 1)[-1]] if now else []
        before: List[str] = []
        for release in reversed(served):
            if release not in before and release != self.release and is_release(release):
                before.append(release)
        there = [one for one in before if system.stat(f"{home}/releases/{one}") is not None]
        return {str(n): f"../releases/{one}" for n, one in enumerate(there[: self.count], start=1)}
