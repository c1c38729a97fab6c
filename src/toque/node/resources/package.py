"""Debian packages: any number of names in one transaction."""

import re
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple, Union

from .. import apt, debconf
from ..dpkg import ENVIRONMENT, LOCK, Database, database, repair, wait_for
from ..errors import NotReady, StepFailed
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import Result, System
from ..values import Secret

DPKG = "dpkg state"  # keys with a space, which no package's name has
HOLD = " hold"
CHANGES = "all changes"  # what apt would do, or why that is not known; for people, not compared
UNKNOWN = "why changes are unknown"

HOUR = 3600
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?\Z")
_VERSION = re.compile(r"[A-Za-z0-9.+:~-]+\*?\Z")


@dataclass(frozen=True, init=False)
class Package(Resource):
    """Packages (``names``) installed or, with ``absent``, not: ``Package("nginx", "git")``.

    ``versions`` pins some of them, exactly or by a beginning: ``{"nginx": "1.22.*"}``; a name
    without a pin may have any version.  ``upgrade`` keeps all at the newest version that apt's
    index has, which is asked at every converge.  ``hold`` keeps apt and unattended-upgrades from
    changing them (only this resource does); False lifts a hold, None leaves it.  ``recommends``
    also installs what they recommend.  ``purge`` also removes the configuration of packages that
    are absent.

    ``answers`` are for debconf, by question: ``{"postfix/mailname": "example.org"}``.  They are
    given before packages are installed; an installed one is not asked again, so they do not
    change it.  A ``Secret`` goes to debconf's database of passwords, which only root can read.

    The index is fetched anew when what is asked for is not in it, and with ``refresh_s`` also
    when something is to be installed (or looked for, with ``upgrade``) and it is older than that
    many seconds.  A plan shows every package that apt would touch, with versions; where the index
    has to be fetched first, it says so instead.

    Neighbours in a recipe are one transaction.  A dpkg that was interrupted is repaired first,
    and apt is never killed.  A package that does not exist, is held or conflicts changes nothing.
    """

    names: Tuple[str, ...]
    versions: Mapping[str, str]
    absent: bool
    purge: bool
    recommends: bool
    upgrade: bool
    hold: Optional[bool]
    answers: Mapping[str, Union[str, Secret]]
    refresh_s: Optional[int]

    kind: ClassVar[str] = "package"

    def __init__(
        self,
        *some: str,
        names: Sequence[str] = (),
        versions: Optional[Mapping[str, str]] = None,
        absent: bool = False,
        purge: bool = False,
        recommends: bool = False,
        upgrade: bool = False,
        hold: Optional[bool] = None,
        answers: Optional[Mapping[str, Union[str, Secret]]] = None,
        refresh_s: Optional[int] = None,
    ) -> None:
        values: Dict[str, Any] = {
            "names": tuple(dict.fromkeys((*some, *names))),
            "versions": dict(versions or {}),
            "absent": absent,
            "purge": purge,
            "recommends": recommends,
            "upgrade": upgrade,
            "hold": hold,
            "answers": dict(answers or {}),
            "refresh_s": refresh_s,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def key(self) -> str:
        return ",".join(self.names)

    def validate(self) -> None:
        self._validate_names()
        if self.purge and not self.absent:
            raise Invalid("purge", "absent=True beside it", self.purge)
        for field in ("versions", "hold", "upgrade", "answers", "refresh_s"):
            if self.absent and getattr(self, field):
                raise Invalid(field, "none with absent=True", field)
        if self.upgrade and self.versions:
            raise Invalid("upgrade", "no version pinned beside it", dict(self.versions))
        if self.refresh_s is not None and self.refresh_s < HOUR:
            # The archive is shared, and a transaction must not outlast it.
            raise Invalid("refresh_s", f"at least an hour ({HOUR})", self.refresh_s)
        debconf.validate(self.answers)

    def _validate_names(self) -> None:
        if not self.names:
            raise Invalid("names", "at least one package", self.names)
        for name in self.names:
            if not isinstance(name, str) or not _NAME.match(name):
                raise Invalid("names", "names of Debian packages", name)
        for name, version in self.versions.items():
            if name not in self.names:
                raise Invalid("versions", f"one of {', '.join(self.names)}", name)
            if not _VERSION.match(version):
                raise Invalid("versions", "a version, or its beginning and *", version)

    def wanted(self) -> State:
        state: Dict[str, Any] = {DPKG: "whole"}
        usual = "absent" if self.absent else "newest" if self.upgrade else "installed"
        for name in self.names:
            state[name] = self.versions.get(name, usual)
            state[name + HOLD] = self.hold
        return state

    def found(self, system: System) -> State:
        known = database(system)
        state: Dict[str, Any] = {DPKG: "interrupted" if known.interrupted else "whole"}
        wanted = self.wanted()
        for name in self.names:
            state[name] = self._word(known, name)
            state[name + HOLD] = name in known.packages and known.packages[name].want == "hold"
        differ = [n for n in self.names if state[n] != wanted[n]]
        if differ:
            state.update(self._foreseen(system, known, differ))
        if self.upgrade and CHANGES in state:
            touched = {name for _, name, _, _ in state[CHANGES]}
            state.update({n: "newest" for n in differ if state[n] != "absent" and n not in touched})
        return state

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        names = [name for name in self.names if name in keys]
        broken: Optional[StepFailed] = None
        try:
            if repair(system):
                known, wanted = database(system), self.wanted()
                names = [n for n in names if self._word(known, n) != wanted[n]]
        except StepFailed as error:
            # Another version of what is broken may be what was asked for, or to have it no more.
            if error.code != "package-repair-failed" or not database(system).broken & set(names):
                raise
            broken = error
        try:
            if names and self.absent:
                self._remove(system, names)
            elif names:
                self._install(system, names)
        except StepFailed as error:
            raise broken or error from error
        if self.hold is not None:
            self._mark(system, "hold" if self.hold else "unhold", self.names)

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> Sequence[str]:
        found = found or {}
        lines: List[str] = []
        if DPKG in keys:
            lines.append("~ dpkg: interrupted -> repaired")
        new = [n for n in self.names if n in keys and found.get(n) == "absent"]
        lines += [f"+ {answer.shown}" for answer in debconf.due(self.answers, self.names, new)]
        foreseen = {name: one for one in found.get(CHANGES, ()) for name in (one[1],)}
        for name in self.names:
            if name in keys:
                lines.append(self._line(name, found, foreseen.pop(name, None)))
            if name + HOLD in keys:
                lines.append(f"~ {name}: {'held' if self.hold else 'no longer held'}")
        why = "it needs what goes" if self.absent else "in the way"
        for verb, name, before, after in foreseen.values():
            reason = why if verb == apt.REMOVED else "needed"
            versions = f"{before} -> {after}" if before and after else before or after
            lines.append(f"{verb} {name} {versions} ({reason})")
        return lines

    def _line(self, name: str, found: State, foreseen: Optional[apt.Change]) -> str:
        there = found.get(name)
        verb = "-" if self.absent else "+" if there == "absent" else "~"
        to = self.versions.get(name, "")
        if foreseen is not None:
            to = foreseen[3] or foreseen[2]
        elif found.get(UNKNOWN) and not self.absent:
            to = f"{to} (version unknown: {found[UNKNOWN]})".lstrip()
        if verb == "~":
            return f"~ {name} {there} -> {to or 'installed'}"
        return f"{verb} {name} {there if self.absent else to}".rstrip()

    def _word(self, known: Database, name: str) -> str:
        """``absent``, or what ``wanted`` says when it is so, or the version or state there is."""
        one = known.packages.get(name)
        if one is None or one.state == "not-installed":
            return "absent"
        if one.state == "config-files":
            return "config-files" if self.purge else "absent"
        if self.absent or self.upgrade or one.state != "installed":
            return one.version if one.state == "installed" else one.state
        pin = self.versions.get(name)
        if pin is None:
            return "installed"
        return pin if fnmatchcase(one.version, pin) else one.version

    def _foreseen(self, system: System, known: Database, names: Sequence[str]) -> Dict[str, Any]:
        """Every change that apt would make, or why nobody can know now.

        Raises ``NotReady`` with apt's own words when it would refuse: an earlier step may still
        change its mind.
        """
        if known.interrupted:
            return {UNKNOWN: "dpkg has to be repaired first"}
        if not self.absent and self._index_is_old(system):
            return {UNKNOWN: "the index is to be fetched first"}
        argv = self._argv(names)
        if self.hold is not None:
            argv.insert(1, "--allow-change-held-packages")  # ours: fix lifts them meanwhile
        result = apt.foreseen(system, argv)
        text = result.text
        others = [n for n in apt.held(text) if n not in self.names]
        if result.code == 0 and not others:
            there = {name: one.version for name, one in known.packages.items()}
            return {
                CHANGES: [
                    [verb, name, there.get(name, "") if verb == apt.REMOVED else before, after]
                    for verb, name, before, after in apt.changes(text)
                ]
            }
        if apt.stale(result):
            return {UNKNOWN: "it is not in the present index"}
        error = apt.trouble(result, others or names)
        raise NotReady(  # relays a code
            error.code,
            error.message,
            expected=error.expected,
            found=error.found,
            hint=error.hint,
            log=error.log,
        ) from error

    def _index_is_old(self, system: System) -> bool:
        if not apt.has_index(system):
            return True
        return self.refresh_s is not None and apt.index_older_than(system, self.refresh_s)

    def _argv(self, names: Sequence[str]) -> List[str]:
        if self.absent:
            return ["purge" if self.purge else "remove", "--", *names]
        words = [f"{n}={self.versions[n]}" if n in self.versions else n for n in names]
        options = ["--install-recommends" if self.recommends else "--no-install-recommends"]
        if self.versions:
            options.append("--allow-downgrades")
        return ["install", *options, "--", *words]

    def _remove(self, system: System, names: Sequence[str]) -> None:
        wait_for(system, LOCK)
        system.progress(f"removing {', '.join(names)}")
        result = apt.apt_get(system, self._argv(names))
        if result.code != 0:
            raise apt.trouble(result, names)

    def _install(self, system: System, names: Sequence[str]) -> None:
        fetched = self._refreshed(system, names)
        known = database(system)
        new = [name for name in names if self._word(known, name) == "absent"]
        held = [n for n in names if n in known.packages and known.packages[n].want == "hold"]
        wait_for(system, LOCK)
        debconf.give(system, debconf.due(self.answers, self.names, new))
        if self.hold is not None:
            self._mark(system, "unhold", held)
        try:
            result = self._installed(system, names)
            if result.code != 0 and fetched is None and apt.stale(result):
                fetched = apt.update(system)
                result = self._installed(system, names)
        finally:
            if self.hold:
                self._mark(system, "hold", held)
        if result.code != 0:
            raise apt.trouble(result, names, fetched)

    def _installed(self, system: System, names: Sequence[str]) -> Result:
        system.progress(f"installing {', '.join(names)}")
        return apt.apt_get(system, self._argv(names))

    def _refreshed(self, system: System, names: Sequence[str]) -> Optional[Result]:
        """How fetching the index went, when it was time to."""
        if not self._index_is_old(system):
            return None
        fetched = apt.update(system)
        wrong = apt.complaints(fetched)
        if wrong and self.upgrade:
            raise StepFailed(
                "package-index-unreachable",
                f"the package index did not answer, so nobody knows the newest {', '.join(names)}",
                expected="apt-get update to reach every source",
                found=wrong[0],
                hint="apt-get update",
                log=wrong[-15:],
            )
        if wrong and self.refresh_s is not None:
            system.note(f"the package index could not be refreshed: {wrong[0]}")
        return fetched

    @staticmethod
    def _mark(system: System, verb: str, names: Sequence[str]) -> None:
        if names:
            wait_for(system, LOCK)
            system.run(["apt-mark", verb, "--", *names], env=ENVIRONMENT)
