"""An instance: one suite on one platform, with the machines that it needs."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import AskedWrongly, nearest
from ..fleet.spot import Spot
from .kitchenfile import Hook, Hooks, Kind, Moment, Part, Read, Suite

LONGEST = 40  # state.NAME


@dataclass(frozen=True)
class Member:
    """One machine of an instance.  ``name`` is its name in the suite, empty for an only one;
    ``machine`` its name in the kitchen.  ``attributes``: cookbook -> attribute -> value."""

    name: str
    machine: str
    layer: str
    kind: Kind
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Instance:
    """One way to try a cookbook, on one kind of machine.  ``checks`` are pytest files."""

    name: str
    suite: str
    platform: str
    folder: Path
    run: tuple[str, ...]
    checks: Path
    project: Path | None
    members: tuple[Member, ...]
    hooks: Hooks
    twice: bool = True
    reboot: bool = True

    def hooks_at(self, moment: Moment) -> Sequence[Hook]:
        return self.hooks.get(moment, ())

    @property
    def layered(self) -> bool:
        """Whether its new machines may begin from a layer, which would undo what a command of the
        user's has done to them."""
        hooked = self.hooks_at("after_create") or self.hooks_at("before_converge")
        return self.run[:1] == ("setup",) and not hooked


def instances(read: Read) -> tuple[Instance, ...]:
    """Every suite on every platform that it is for, suites in the order of the file.

    Raises ``AskedWrongly``: ``kitchen-unknown-platform``, ``kitchen-name-twice``,
    ``kitchen-no-platform``, ``kitchen-bad-hook``.
    """
    made: dict[str, Instance] = {}
    for name, suite in read.values.suites.items():
        spot = read.spot / "suites" / name
        for platform in _platforms(read, suite, spot):
            one = _instance(read, name, suite, platform, spot)
            if one.name in made:
                other = made[one.name]
                raise AskedWrongly(
                    "kitchen-name-twice",
                    f"two suites would be called {one.name}",
                    expected="names of suites and platforms that give each instance its own",
                    found=f"{other.suite} on {other.platform or 'no platform'}, "
                    f"{one.suite} on {one.platform or 'no platform'}",
                    hint="rename one of them",
                    place=str(spot),
                )
            made[one.name] = one
    return tuple(made.values())


def _platforms(read: Read, suite: Suite, spot: Spot) -> Iterator[str]:
    """The names of its platforms; the empty one where the file has none."""
    known = read.values.platforms
    for key, names in (("platforms", suite.platforms), ("exclude", suite.exclude)):
        for name in names:
            if name not in known:
                raise AskedWrongly(
                    "kitchen-unknown-platform",
                    f"suite {spot.path[-1]} names a platform that is not there",
                    expected=f"one of {', '.join(known)}" if known else "a table [platforms.NAME]",
                    found=name,
                    hint=nearest(name, known),
                    place=str(spot / key),
                )
    wanted = [n for n in (suite.platforms or known) if n not in suite.exclude]
    if known and not wanted:
        raise AskedWrongly(
            "kitchen-no-platform",
            f"suite {spot.path[-1]} is left without a platform",
            expected="at least one",
            found=f"all of {', '.join(suite.platforms or known)} are excluded",
            place=str(spot / "exclude"),
        )
    yield from wanted or [""]


def _instance(read: Read, name: str, suite: Suite, platform: str, spot: Spot) -> Instance:
    kind = suite.over(read.values.kind)
    if platform:
        table = read.values.platforms[platform]
        kind = table.over(replace(kind, release=platform))
    whole = f"{name}-{platform}" if platform else name
    parts = suite.machines or {"": Part()}
    hooks = {**read.values.hooks}
    for moment, more in suite.hooks.items():
        hooks[moment] = (*hooks.get(moment, ()), *more)
    for moment, several in hooks.items():
        for hook in several:
            _check_hook(hook, moment, suite, spot)
    return Instance(
        name=whole,
        suite=name,
        platform=platform,
        folder=read.folder,
        run=suite.run,
        checks=read.folder / (suite.verify or "checks"),
        project=(read.folder / suite.project).resolve() if suite.project else None,
        members=tuple(
            Member(
                part,
                machine_name(read.folder.name, whole, part),
                what.layer or suite.layer,
                what.over(kind),
                _merged(suite.attributes, what.attributes),
            )
            for part, what in parts.items()
        ),
        hooks=hooks,
        twice=suite.twice,
        reboot=suite.reboot,
    )


def _check_hook(hook: Hook, moment: str, suite: Suite, spot: Spot) -> None:
    if bool(hook.local) == bool(hook.remote) or (hook.local and hook.machine):
        raise AskedWrongly(
            "kitchen-bad-hook",
            f"a hook of {moment} cannot be run",
            expected='{ local = "COMMAND" } or { remote = "COMMAND" }, with machine = "NAME" '
            "for one of several",
            found=f"local = {hook.local!r}, remote = {hook.remote!r}, machine = {hook.machine!r}",
            place=str(spot / "hooks" / moment),
        )
    if hook.machine and hook.machine not in suite.machines:
        raise AskedWrongly(
            "kitchen-bad-hook",
            f"a hook of {moment} is for a machine that suite {spot.path[-1]} does not have",
            expected=f"one of {', '.join(suite.machines)}" if suite.machines else "no machine",
            found=hook.machine,
            hint=nearest(hook.machine, suite.machines),
            place=str(spot / "hooks" / moment),
        )


def machine_name(*words: str) -> str:
    """A name for a machine from the folder, the instance and the part: fit for a host name.

    One that would be too long ends in a digest of the whole, so that two never meet.
    """
    text = "-".join(word for word in words if word).lower().replace("_", "-")
    text = "".join(c for c in text if c.isascii() and (c.isalnum() or c == "-")).strip("-")
    if len(text) <= LONGEST:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    return f"{text[: LONGEST - 7].strip('-')}-{digest}"


def _merged(
    below: Mapping[str, Mapping[str, Any]], over: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    return {key: {**below.get(key, {}), **over.get(key, {})} for key in {**below, **over}}


def pick(found: Sequence[Instance], words: Sequence[str]) -> tuple[Instance, ...]:
    """Those that the words name: an instance, a suite, a platform, or a pattern like ``*-trixie``.

    All of them without a word.  Raises ``AskedWrongly("kitchen-unknown-suite")``.
    """
    if not words:
        return tuple(found)
    wanted: set[str] = set()
    for word in words:
        names = {one.name for one in found if word == one.name} or {
            one.name
            for one in found
            if word in (one.suite, one.platform) or fnmatch.fnmatchcase(one.name, word)
        }
        if not names:
            known = [one.name for one in found]
            raise AskedWrongly(
                "kitchen-unknown-suite",
                f"there is no suite '{word}'",
                expected=", ".join(known) + ', or a pattern such as "*"',
                found=word,
                hint=nearest(word, known),
            )
        wanted |= names
    return tuple(one for one in found if one.name in wanted)
