"""Old releases, removed; and the list of those that are there."""

import json
from typing import Any, ClassVar, Dict, FrozenSet, List, Optional, Sequence, Set

from .. import git, workers
from ..applayout import UNITS, app_path, apps_path, is_release, unit_name
from ..errors import StepFailed
from ..history import left, previous_release, read_history
from ..inits import choose
from ..migrated import applied_for, applied_since, read_migrated
from ..mirror import Mirror
from ..processes import needed
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System


@dataclass(frozen=True)
class Releases(Resource):
    """At most ``keep`` releases of ``app`` are kept, the latest deployed ones.

    Never removed: ``current`` (an ID), the one that served before it, one whose unit runs, and one
    that a process needs, such as a command that somebody runs in it: that goes at a later deploy.
    With a release go its unit, its environment and settings files, its commit's name in the mirror
    (as ``user``, the deploy user) and virtual environments that no kept release uses.
    """

    kind: ClassVar[str] = "releases"

    app: str
    current: str
    user: str
    keep: int = 5

    def validate(self) -> None:
        if self.keep < 1:
            raise Invalid("keep", "at least 1", self.keep)
        if not is_release(self.current):
            raise Invalid("current", "a release ID", self.current)

    def wanted(self) -> State:
        return {"surplus": (), "unused_venvs": ()}

    def found(self, system: System) -> Optional[State]:
        releases = list_releases(system, self.app)
        surplus = surplus_releases(
            releases, self.current, previous_release(read_history(system, self.app), self.current),
            self.keep,
        )  # fmt: skip
        surplus = self._free(system, "releases", surplus)
        used = {self._venv(system, r["id"]) for r in releases if r["id"] not in surplus}
        venvs = [v for v in system.names(f"{app_path(self.app)}/venvs") if v not in used]
        unused = self._free(system, "venvs", venvs)
        return {"surplus": tuple(surplus), "unused_venvs": tuple(unused)}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        found = self.found(system) or {}
        for release in found["surplus"]:
            self._remove(system, release)
        for venv in found["unused_venvs"]:
            system.remove_tree(f"{app_path(self.app)}/venvs/{venv}")
        self._housekeep(system, "")

    def _free(self, system: System, folder: str, names: Sequence[str]) -> List[str]:
        """Those of ``names`` that no process needs; processes are looked at once, if at all."""
        path = f"{app_path(self.app)}/{folder}"

        def look() -> Dict[str, str]:
            held = needed(system, path)
            for name in names:
                if name in held:
                    system.note(f"{path}/{name} stays: {held[name]} needs it")
            return held

        held = system.observe(f"needed:{path}", look) if names else {}
        return [name for name in names if name not in held]

    def _remove(self, system: System, release: str) -> None:
        """The directory goes last: a killed run is taken up again by what is still listed."""
        unit = unit_name(self.app, release)
        if system.stat(f"{UNITS}/{unit}") is not None:
            init = choose(system)
            if init.state(unit).enabled:
                init.disable(unit, later=True)  # unload catches up
            system.remove(f"{UNITS}/{unit}")
            init.unload(unit)
        parts = [p.unit for p in workers.parts(system, self.app) if p.release == release]
        for name in parts:
            init = choose(system)
            init.stop(name)
            if init.state(name).enabled:
                init.disable(name, later=True)
            system.remove(f"{UNITS}/{name}")
        for name in parts:
            choose(system).unload(name)
        settings = apps_path(self.app)  # ID.env, and what the app server is given beside it
        for name in system.names(settings):
            if name.startswith(f"{release}."):
                system.remove(f"{settings}/{name}")
        self._housekeep(system, f"refs/toque/{release}")
        system.remove_tree(f"{app_path(self.app)}/releases/{release}")

    def _housekeep(self, system: System, ref: str) -> None:
        """Drop ``ref`` from the mirror, or tidy it; a failure costs disk space and nothing else."""
        mirror = Mirror(system, f"{app_path(self.app)}/repo.git", self.user)
        if system.stat(mirror.path) is None:
            return
        try:
            for kept in mirror.refs(ref.replace("refs/toque/", "refs/modules/", 1)) if ref else ():
                mirror.forget(kept)
            result = mirror.forget(ref) if ref else mirror.tidy()
        except StepFailed as error:
            system.note(f"the mirror could not be tidied: {error.message}")
            return
        if result.code != 0:
            system.note(f"the mirror could not be tidied: {git.last_words(result.tail())}")

    def _venv(self, system: System, release: str) -> str:
        link = system.stat(f"{app_path(self.app)}/releases/{release}/.toque/venv")
        return link.target.rsplit("/", 1)[-1] if link is not None else ""


def list_releases(system: System, app: str) -> List[Dict[str, Any]]:
    """``kept_releases``, each with ``running``: whether its app server or a worker of it is."""
    releases = kept_releases(system, app)
    units = {release["id"]: unit_name(app, release["id"]) for release in releases}
    init = choose(system)
    if units:  # one question for all of them
        init.prefetch([*units.values()])
    return [
        {
            **release,
            "running": init.state(units[release["id"]]).running
            or bool(workers.alive(system, app, release["id"])),
        }
        for release in releases
    ]


def kept_releases(system: System, app: str) -> List[Dict[str, Any]]:
    """The releases on a node, the latest deployed first.

    Each has ``id``, ``commit``, ``created``, ``current``, ``deployed_at`` (times in
    ISO 8601, UTC; empty when it never served) and ``environment``: keyed digests of its variables
    by name, None when it was made without.  ``turn`` counts the switches up to its last one (0 when
    it never served): clocks are set, the order of the record stays.  ``left`` says that somebody
    went back from it.  ``migrations`` is what was applied for it and ``since`` what the database
    has gained since (``migrated.py``; None when nobody can tell).
    """
    directory = f"{app_path(app)}/releases"
    link = system.stat(f"{app_path(app)}/current")
    current = link.target.rsplit("/", 1)[-1] if link is not None else ""
    history = read_history(system, app)
    switched = {s["release"]: s for s in history}
    turns = {s["release"]: turn for turn, s in enumerate(history, 1)}
    gone = left(history)
    records = read_migrated(system, app)
    releases = []
    for name in system.names(directory):
        if not is_release(name):
            continue
        written = _described(system, f"{directory}/{name}")
        if not written.get("commit"):
            continue
        releases.append(
            {
                "id": name,
                "commit": str(written.get("commit", "")),
                "created": str(written.get("created", "")),
                "environment": written.get("environment"),
                "current": name == current,
                "turn": turns.get(name, 0),
                "deployed_at": str(switched.get(name, {}).get("at", "")),
                "left": name in gone,
                "verdict": str(switched.get(name, {}).get("verdict", "")),
                "why": _why(switched.get(name, {})),
                "migrations": applied_for(records, name),
                "since": applied_since(records, name),
            }
        )
    # One that never served goes behind all that did.
    releases.sort(key=lambda r: (r["turn"], r["created"], r["id"]), reverse=True)
    return releases


def _why(switch: Dict[str, Any]) -> str:
    """Why it came to serve, when nobody deployed it, or why its watch ended as it did."""
    return str(switch.get("why") or "; ".join(switch.get("reasons", ())))


def surplus_releases(
    releases: Sequence[Dict[str, Any]], current: str, previous: Optional[str], keep: int
) -> List[str]:
    """The IDs to remove out of ``list_releases``.  Pure."""
    safe: Set[str] = {current, previous or current}
    safe |= {r["id"] for r in releases if r["running"] or r["current"]}
    kept = set(safe)
    for release in releases:
        if len(kept) < keep:
            kept.add(release["id"])
    return [r["id"] for r in releases if r["id"] not in kept]


def _described(system: System, release: str) -> Dict[str, Any]:
    try:
        written = json.loads(system.read(f"{release}/.toque/release.json"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return written if isinstance(written, dict) else {}
