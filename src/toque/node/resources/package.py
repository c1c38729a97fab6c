"""Debian packages: any number of names in one transaction."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from ..dpkg import APT, ENVIRONMENT, NO_LIMIT_S, Database, database, repair
from ..errors import StepFailed
from ..resource import Invalid, Resource, State
from ..system import Result, System

LISTS = "/var/lib/apt/lists"
DPKG = "dpkg"  # the key that differs while dpkg is interrupted; no package has this name twice
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?\Z")
_VERSION = re.compile(r"[A-Za-z0-9.+:~-]+\*?\Z")

_UNKNOWN = ("Unable to locate package", "has no installation candidate", "was not found")
_FETCH = ("Failed to fetch", "Unable to fetch", "Temporary failure resolving", "Could not resolve")
_CONFLICT = (
    "held broken packages",
    "unmet dependencies",
    "Held packages were changed",
    "were downgraded and -y",
    "Conflicts:",
)


@dataclass(frozen=True, init=False)
class Package(Resource):
    """Packages installed (or, with ``absent``, not): ``Package("nginx", "git")``.

    ``versions`` pins some of them, exactly or by a beginning: ``{"nginx": "1.22.*"}``; a name
    without a pin may have any version and is never upgraded.  ``recommends`` also installs what
    they recommend.  ``purge`` also removes the configuration of packages that are absent.

    The index is fetched anew only when what is asked for is not in it.  Neighbours in a recipe
    are one transaction.  A dpkg that was interrupted is repaired first, and apt is never killed.
    """

    names: Tuple[str, ...]
    versions: Mapping[str, str]
    absent: bool
    purge: bool
    recommends: bool

    kind: ClassVar[str] = "package"

    def __init__(
        self,
        *some: str,
        names: Sequence[str] = (),
        versions: Optional[Mapping[str, str]] = None,
        absent: bool = False,
        purge: bool = False,
        recommends: bool = False,
    ) -> None:
        values: Dict[str, Any] = {
            "names": tuple(dict.fromkeys((*some, *names))),
            "versions": dict(versions or {}),
            "absent": absent,
            "purge": purge,
            "recommends": recommends,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def key(self) -> str:
        return ",".join(self.names)

    def validate(self) -> None:
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
        if self.absent and self.versions:
            raise Invalid("versions", "none with absent=True", self.versions)
        if self.purge and not self.absent:
            raise Invalid("purge", "absent=True beside it", self.purge)

    def wanted(self) -> State:
        state: Dict[str, Any] = {f"{DPKG} state": "whole"}
        for name in self.names:
            state[name] = "absent" if self.absent else self.versions.get(name, "installed")
        return state

    def found(self, system: System) -> State:
        known = database(system)
        state: Dict[str, Any] = {f"{DPKG} state": "interrupted" if known.interrupted else "whole"}
        for name in self.names:
            state[name] = self._word(known, name)
        missing = [n for n in self.names if not self.absent and state[n] == "absent"]
        if missing:
            state["candidates"] = _candidates(system, missing)
        return state

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        repaired = repair(system)
        names = [name for name in self.names if name in keys]
        if repaired:
            state = self.found(system)
            names = [n for n in names if state[n] != self.wanted()[n]]
        if not names:
            return
        if self.absent:
            verb = "purge" if self.purge else "remove"
            system.progress(f"removing {', '.join(names)}")
            result = _apt(system, [verb, "--", *names])
            if result.code != 0:
                raise trouble(result, names)
            return
        self._install(system, names)

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> Sequence[str]:
        found = found or {}
        lines: List[str] = []
        if f"{DPKG} state" in keys:
            lines.append("~ dpkg: interrupted -> repaired")
        for name in self.names:
            if name not in keys:
                continue
            there = found.get(name)
            wanted = self.versions.get(name, "")
            version = found.get("candidates", {}).get(name) or wanted
            if self.absent:
                lines.append(f"- {name} {there}")
            elif there == "absent":
                lines.append(f"+ {name} {version}".rstrip())
            else:
                lines.append(f"~ {name} {there} -> {wanted or 'installed'}")
        return lines

    def _word(self, known: Database, name: str) -> str:
        """``absent``, or what ``wanted`` says when it is so, or the version or state there is."""
        one = known.packages.get(name)
        if one is None or one.state == "not-installed":
            return "absent"
        if one.state == "config-files":
            return "config-files" if self.purge else "absent"
        if self.absent or one.state != "installed":
            return one.version if one.state == "installed" else one.state
        pin = self.versions.get(name)
        if pin is None:
            return "installed"
        return pin if fnmatchcase(one.version, pin) else one.version

    def _install(self, system: System, names: Sequence[str]) -> None:
        words = [f"{n}={self.versions[n]}" if n in self.versions else n for n in names]
        options = ["--install-recommends" if self.recommends else "--no-install-recommends"]
        if self.versions:
            options.append("--allow-downgrades")
        argv = ["install", *options, "--", *words]
        fetched: Optional[Result] = None
        if not any(n.endswith(("Packages", "Packages.lz4")) for n in system.names(LISTS)):
            fetched = _update(system)
        system.progress(f"installing {', '.join(names)}")
        result = _apt(system, argv)
        if result.code != 0 and fetched is None and _stale(result):
            fetched = _update(system)
            system.progress(f"installing {', '.join(names)}")
            result = _apt(system, argv)
        if result.code != 0:
            raise trouble(result, names, fetched)


def mergeable(first: Package, second: Package) -> bool:
    """Whether two neighbours can be one transaction that means the same."""
    shared = set(first.names) & set(second.names)
    agree = all(first.versions.get(name) == second.versions.get(name) for name in shared)
    same = ("absent", "purge", "recommends")
    return agree and all(getattr(first, name) == getattr(second, name) for name in same)


def merged(first: Package, second: Package) -> Package:
    """Both in one; only for those that are ``mergeable``."""
    return Package(
        *first.names,
        *second.names,
        versions={**first.versions, **second.versions},
        absent=first.absent,
        purge=first.purge,
        recommends=first.recommends,
    )


def trouble(result: Result, names: Sequence[str], fetched: Optional[Result] = None) -> StepFailed:
    """What apt's last words mean.  Pure."""
    text = _said(result)
    said = [line for line in text.splitlines() if line.startswith(("E:", "W:", "dpkg: error"))]
    index = _said(fetched) if fetched else ""
    log = result.tail(25)
    asked = ", ".join(names)
    found = said[0] if said else f"status {result.code}"
    if any(word in text for word in ("Could not get lock", "Unable to acquire the dpkg")):
        return StepFailed(
            "package-locked", "another program holds dpkg's lock", found=found, log=log,
            hint="ps -e | grep -E 'apt|dpkg|unattended'",
        )  # fmt: skip
    unreachable = any(word in text for word in _FETCH) or any(word in index for word in _FETCH)
    if unreachable and (any(w in text for w in (*_UNKNOWN, *_FETCH))):
        lines = (index + text).splitlines()
        errors = [x for x in lines if x.startswith(("E:", "W:", "Err:"))]
        return StepFailed(
            "package-index-unreachable",
            f"the package index did not answer, so {asked} could not be installed",
            expected="apt-get update to reach every source",
            found=errors[0] if errors else found,
            hint="apt-get update",
            log=errors[-15:] or log,
        )
    if any(word in text for word in _UNKNOWN):
        bad = [line for line in said if any(word in line for word in _UNKNOWN)]
        return StepFailed(
            "package-unknown",
            f"no package source has what was asked for ({asked})",
            expected="a package that apt-cache policy knows",
            found=bad[0] if bad else found,
            hint=f"apt-cache policy {' '.join(names)}",
            log=bad or log,
        )
    if any(word in text for word in _CONFLICT):
        return StepFailed(
            "package-conflict",
            f"{asked} cannot be had together with what is installed or held",
            found=found,
            hint="apt-mark showhold",
            log=log,
        )
    return StepFailed(
        "package-failed", f"apt could not change {asked}", expected="status 0", found=found, log=log
    )


def _said(result: Result) -> str:
    return "\n".join((result.out.decode("utf-8", "replace"), result.err.decode("utf-8", "replace")))


def _stale(result: Result) -> bool:
    text = _said(result)
    return any(word in text for word in (*_UNKNOWN, "404 ", "Hash Sum", "unauthenticated"))


def _apt(system: System, argv: Sequence[str]) -> Result:
    return system.run([*APT, *argv], env=ENVIRONMENT, timeout_s=NO_LIMIT_S, check=False)


def _update(system: System) -> Result:
    system.progress("fetching the package index")
    return _apt(system, ["update"])


def _candidates(system: System, names: Sequence[str]) -> Dict[str, str]:
    """The versions that apt would install, for people to read; empty where it knows none."""
    result = system.run(["apt-cache", "policy", "--", *names], env=ENVIRONMENT, check=False)
    pairs = re.findall(r"(?m)^(\S+):\n(?:  .*\n)*?  Candidate: (\S+)$", result.text)
    return {name: version for name, version in pairs if version != "(none)"}
