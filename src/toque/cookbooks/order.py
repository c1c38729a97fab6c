"""From calls of ``add`` to steps: repeated ones joined, notifications checked, packages merged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace

from ..errors import BadCookbook, nearest
from ..node.model import Action
from ..node.resources.package import Package
from .claims import check_claims
from .recipe import Added
from .transactions import mergeable, merged


def arrange(added: Sequence[Added]) -> tuple[Added, ...]:
    """The steps of a plan.  Pure; raises ``BadCookbook``."""
    once, again = _joined(added)
    _check_packages(once)
    check_claims(once)
    _check_notifications(once, again, _notified(added))
    # Merging can make a step that is already there: the same packages, asked for in pieces.
    return tuple(_joined(_merged(once))[0])


def _joined(added: Sequence[Added]) -> tuple[list[Added], dict[str, str]]:
    """Each id once, at its first place; and the place of the last repetition, by id."""
    first: dict[str, Added] = {}
    again: dict[str, str] = {}
    for one in added:
        id = one.resource.id
        if id not in first:
            first[id] = one
            continue
        before = first[id]
        different = _difference(before, one)
        if different:
            raise BadCookbook(
                "duplicate-resource",
                f"{id} is declared twice, with different {different}",
                expected=f"the same as at {before.place}",
                found=f"other {different} at {one.place}",
                hint="declare it once, or give both the same fields",
                place=one.place,
            )
        again[id] = one.place
        notify = before.notify + tuple(a for a in one.notify if a not in before.notify)
        first[id] = replace(before, notify=notify)
    return list(first.values()), again


def _notified(added: Sequence[Added]) -> dict[tuple[str, Action], str]:
    """Where each notification is asked for first; a repeated resource may bring another one."""
    places: dict[tuple[str, Action], str] = {}
    for one in added:
        for action in one.notify:
            places.setdefault((one.resource.id, action), one.place)
    return places


def _difference(one: Added, other: Added) -> str:
    """The names of fields that differ; a value itself is not named, it may be secret."""
    if type(one.resource) is not type(other.resource):
        return "types"
    names = [
        f.name
        for f in fields(one.resource)
        if getattr(one.resource, f.name) != getattr(other.resource, f.name)
    ]
    names += [
        name
        for name in ("when", "retries", "retry_wait_s", "sensitive")
        if getattr(one, name) != getattr(other, name)
    ]
    return ", ".join(names)


def _check_notifications(
    steps: Sequence[Added],
    again: Mapping[str, str],
    notified: Mapping[tuple[str, Action], str],
) -> None:
    index = {one.resource.id: number for number, one in enumerate(steps)}
    for number, one in enumerate(steps):
        for action in one.notify:
            place = notified[(one.resource.id, action)]
            target = index.get(action.target)
            if target is None:
                raise BadCookbook(
                    "dangling-notification",
                    f"{one.resource.id} notifies {action.target}, which is not in the plan",
                    expected=f"a later r.add of {action.target}",
                    found="no such step",
                    hint=nearest(action.target, list(index)),
                    place=place,
                )
            _check_verb(one, steps[target], action, place)
            if target <= number:
                repeated = again.get(action.target, "")
                raise BadCookbook(
                    "notification-backwards",
                    f"{one.resource.id} notifies {action.target}, which comes before it",
                    expected=f"{action.target} to be added after {one.place}",
                    found=f"added at {steps[target].place}"
                    + (f" (again at {repeated}, but the first place counts)" if repeated else ""),
                    hint="move the r.add of the notified resource below this one",
                    place=place,
                )


def _check_verb(one: Added, target: Added, action: Action, place: str) -> None:
    verbs = target.resource.verbs
    if action.verb not in verbs:
        raise BadCookbook(
            "unknown-verb",
            f"{one.resource.id} asks {action.target} to {action.verb}, which it cannot do",
            expected=f"one of {', '.join(verbs)}" if verbs else "no notification",
            found=f"{action.verb}, for the step at {target.place}",
            hint=nearest(action.verb, verbs),
            place=place,
        )


def _merged(steps: Sequence[Added]) -> list[Added]:
    """Neighbouring packages as one transaction; the first one's place stands for all."""
    done: list[Added] = []
    for one in steps:
        if done and (both := _together(done[-1], one)):
            done[-1] = replace(done[-1], resource=both)
        else:
            done.append(one)
    return done


def _together(one: Added, other: Added) -> Package | None:
    """Both in one transaction, if they are packages and nothing tells them apart."""
    first, second = one.resource, other.resource
    plain = not any(a.notify or a.when or a.retries or a.sensitive for a in (one, other))
    if not (plain and isinstance(first, Package) and isinstance(second, Package)):
        return None
    return merged(first, second) if mergeable(first, second) else None


def _check_packages(steps: Sequence[Added]) -> None:
    """A package wanted at one place and unwanted at another would change at every converge."""
    wanted: dict[tuple[str, str], tuple[object, Added]] = {}
    for one in steps:
        if not isinstance(one.resource, Package) or one.when:
            continue
        for about, wish in _wishes(one.resource):
            earlier, before = wanted.setdefault(about, (wish, one))
            if earlier != wish:
                raise BadCookbook(
                    "duplicate-resource",
                    f"package {about[0]} is declared twice, with different wishes",
                    expected=f"the same as at {before.place}",
                    found=f"another {about[1]} at {one.place}",
                    hint="declare it once, or the same at both places",
                    place=one.place,
                )


def _wishes(package: Package) -> Iterator[tuple[tuple[str, str], object]]:
    """What is wanted of each name; a hold only where there is something to say of it."""
    for name in package.names:
        pin = package.versions.get(name, "")
        yield (name, "absent or version"), (package.absent, pin)
        if package.hold is not None:
            yield (name, "hold"), package.hold
