"""An app's variables: what is declared, what is kept, and what the serving releases have."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import AskedWrongly, ToqueError, nearest
from ..fleet import environment as declared
from ..fleet import names
from ..fleet.app import App
from ..fleet.kept import Kept, Variable
from ..fleet.secrets import SALT
from ..node.formats.environment import check_env, check_whole
from ..node.resource import Invalid
from .deploy import releases
from .place import Place
from .site import Site

OURS = ("TOQUE_COMMIT", "TOQUE_RELEASE")  # the app is told them by each release


@dataclass(frozen=True)
class Listed:
    """One variable of an app; ``value`` is None for a secret.  ``origin`` says where it is set."""

    name: str
    value: str | None
    origin: str

    def as_json(self) -> dict[str, Any]:
        shown = {} if self.value is None else {"value": self.value}
        return {"name": self.name, "secret": self.value is None, "origin": self.origin, **shown}


@dataclass(frozen=True)
class Pending:
    """What the next deploy changes for the app on a node, as names.

    ``unknown`` says why that cannot be told; it is empty when it can.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unknown: str = ""

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def as_json(self) -> dict[str, Any]:
        return {
            "pending": None if self.unknown else bool(self),
            "added": list(self.added),
            "changed": list(self.changed),
            "removed": list(self.removed),
            **({"unknown": self.unknown} if self.unknown else {}),
        }

    def __str__(self) -> str:
        if self.unknown:
            return f"cannot be compared: {self.unknown}"
        if not self:
            return "as declared"
        names = [f"+{n}" for n in self.added] + [f"~{n}" for n in self.changed]
        return f"pending, needs a deploy: {' '.join(names + [f'-{n}' for n in self.removed])}"


def listed(site: Site, app: App) -> tuple[Kept, list[Listed]]:
    """What is kept, and each variable of the app by name; nothing is made or read elsewhere."""
    kept = site.store.kept(app.name)
    found = {name: Listed(name, value, "toque.toml") for name, value in app.env.items()}
    for name, source in app.secrets.items():
        found[name] = Listed(name, None, "generated" if source == "generate" else source)
    if app.database:
        for name in app.database.variables:
            found[name] = Listed(name, None, "database")
    for name, one in kept.variables.items():
        value = None if one.secret else one.value
        found[name] = Listed(name, value, f"version {one.version}")
    return kept, [found[name] for name in sorted(found)]


def set_variables(site: Site, app: App, given: Mapping[str, Variable]) -> Kept:
    """Keep variables; the last version tells what has changed.

    Raises ``AskedWrongly``: ``bad-variable``, ``bad-name``, ``variable-twice``.
    """
    at = site.project.spot / "apps" / app.name
    for name, one in given.items():
        names.variable(name, at / "env")
        check_value(name, one.value)
        declared.check_free(app, name, at, hint="change that line, or remove it first")
    now = _now()

    def change(kept: Kept) -> Kept:
        after = kept.with_set(given, at=now, by=site.by)
        _checked(lambda: check_whole({n: v.value for n, v in after.variables.items()}))
        return after

    return site.store.change(app.name, change)


def unset_variables(site: Site, app: App, wanted: Sequence[str]) -> Kept:
    """Remove variables that are kept.  Raises ``AskedWrongly("variable-unknown")``."""
    now = _now()

    def change(kept: Kept) -> Kept:
        for name in wanted:
            if name not in kept.variables:
                near = nearest(name, sorted(kept.variables))
                there = name in app.variables
                raise AskedWrongly(
                    "variable-unknown",
                    f"toque env keeps no {name} of app {app.name}",
                    expected=f"one of {', '.join(sorted(kept.variables))}"
                    if kept.variables
                    else "a variable that was set by toque env set",
                    found=f"{name} stands in toque.toml: remove it there" if there else near,
                    hint=f"toque env list {app.name}",
                )
        return kept.without(wanted, at=now, by=site.by)

    return site.store.change(app.name, change)


def check_value(name: str, value: str) -> None:
    """Raise ``AskedWrongly("bad-variable")`` for what no process can be given, never shown."""
    if name in OURS:
        raise AskedWrongly(
            "bad-variable",
            f"{name} is not yours to set",
            expected="another name",
            found="one that each release sets by itself",
        )
    _checked(lambda: check_env(name, value))


def _checked(check: Callable[[], None]) -> None:
    try:
        check()
    except Invalid as error:
        raise AskedWrongly(
            "bad-variable",
            f"this cannot be in an environment: {error.field}",
            expected=error.expected,
            found=str(error.found),
            hint="put what is large or not text into a file, and its path into the variable",
        ) from None


def pending(site: Site, app: App, kept_there: Sequence[Mapping[str, Any]]) -> Pending:
    """What differs between the declared environment and that of the release that serves.

    ``kept_there`` are the node's releases, as it tells of them.  Never raises: a reason why it
    cannot be told is part of the answer.
    """
    serving = next((entry for entry in kept_there if entry.get("current")), None)
    if serving is None:
        return Pending(unknown="nothing serves yet")
    there = serving.get("environment")
    if not isinstance(there, dict):
        return Pending(unknown="the release that serves says nothing of its environment")
    try:
        # With nothing made yet nothing can have been deployed from here.
        made = site.store.kept(app.name).made
        if SALT not in made:
            return Pending(unknown="it was deployed from elsewhere")
        wanted = site.environment(app).digests
    except ToqueError as error:
        return Pending(unknown=error.trouble.message)
    return compare(wanted, {str(name): str(digest) for name, digest in there.items()})


def pending_on(site: Site, app: App, place: Place) -> Pending:
    """The same, of a node that is asked for it."""
    try:
        return pending(site, app, releases(place.transport, app))
    except ToqueError as error:
        return Pending(unknown=error.trouble.message)


def compare(wanted: Mapping[str, str], there: Mapping[str, str]) -> Pending:
    """Digests by name, compared.  Pure."""
    return Pending(
        added=tuple(sorted(set(wanted) - set(there))),
        changed=tuple(sorted(n for n in set(wanted) & set(there) if wanted[n] != there[n])),
        removed=tuple(sorted(set(there) - set(wanted))),
    )


def between(kept: Kept, first: int, last: int) -> Pending:
    """The names that changed after version ``first``, up to version ``last``.

    Raises ``AskedWrongly("version-unknown")``.
    """
    for number in (first, last):
        if not 0 <= number <= kept.version:
            raise AskedWrongly(
                "version-unknown",
                f"the environment of {kept.app} has no version {number}",
                expected=f"0 (empty) to {kept.version}",
                found=str(number),
                hint=f"toque env history {kept.app}",
            )
    before, after = _there(kept, first), _there(kept, last)
    return compare({n: str(v) for n, v in after.items()}, {n: str(v) for n, v in before.items()})


def _there(kept: Kept, number: int) -> dict[str, int]:
    """The variables that there were at a version, each with the version that set it."""
    found: dict[str, int] = {}
    for version in kept.versions:
        if version.number <= number:
            found.update(dict.fromkeys(version.set, version.number))
            for name in version.unset:
                found.pop(name, None)
    return found


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
