"""What ``toque env`` keeps of an app, as values: variables, what was made, and each change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import Any

from ..node.record import dataclass

FORMAT = 1


@dataclass(frozen=True)
class Variable:
    """``secret`` ones are never shown again; ``version`` is that of the change that set it."""

    value: str = field(repr=False)
    secret: bool = True
    version: int = 0


@dataclass(frozen=True)
class Version:
    """One change: which names, never which values.  ``at`` is ISO 8601 in UTC."""

    number: int
    at: str
    by: str
    set: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "at": self.at,
            "by": self.by,
            "set": list(self.set),
            "unset": list(self.unset),
        }


@dataclass(frozen=True)
class Kept:
    """``made`` are texts that Toque has made by itself, by name: those of variables that are
    declared as ``generate``, and a few with a dash in their names, which no variable has.

    ``recipients`` are those for whom it was encrypted.
    """

    app: str
    recipients: tuple[str, ...] = ()
    variables: Mapping[str, Variable] = field(default_factory=dict, repr=False)
    made: Mapping[str, str] = field(default_factory=dict, repr=False)
    versions: tuple[Version, ...] = ()

    @property
    def version(self) -> int:
        """The number of the last change; 0 before the first."""
        return self.versions[-1].number if self.versions else 0

    def with_set(self, given: Mapping[str, Variable], *, at: str, by: str) -> Kept:
        """With variables set; the same object when each is set like that already.

        What was secret stays secret.
        """
        old = self.variables
        wanted = {
            name: replace(one, secret=one.secret or (name in old and old[name].secret))
            for name, one in given.items()
        }
        new = {n: v for n, v in wanted.items() if n not in old or not _same(old[n], v)}
        if not new:
            return self
        number = self.version + 1
        variables = {**old, **{n: replace(v, version=number) for n, v in new.items()}}
        version = Version(number, at, by, set=tuple(sorted(new)))
        return replace(self, variables=variables, versions=(*self.versions, version))

    def without(self, names: Iterable[str], *, at: str, by: str) -> Kept:
        """With variables removed; the same object when none of them is there."""
        gone = tuple(sorted(set(names) & set(self.variables)))
        if not gone:
            return self
        version = Version(self.version + 1, at, by, unset=gone)
        variables = {n: v for n, v in self.variables.items() if n not in gone}
        return replace(self, variables=variables, versions=(*self.versions, version))

    def with_made(self, name: str, text: str) -> Kept:
        return replace(self, made={**self.made, name: text})

    def encode(self) -> bytes:
        """As JSON, for nobody's eyes but those of the recipients."""
        return json.dumps(
            {
                "format": FORMAT,
                "app": self.app,
                "recipients": self.recipients,
                "variables": {
                    name: {"value": v.value, "secret": v.secret, "version": v.version}
                    for name, v in sorted(self.variables.items())
                },
                "made": dict(sorted(self.made.items())),
                "versions": [version.as_json() for version in self.versions],
            },
            indent=1,
        ).encode()


class _Newer(ValueError):
    """Its words may be shown."""


def decode(data: bytes) -> Kept:
    """What ``encode`` wrote.  Raises ``ValueError``, whose words quote nothing of it."""
    try:
        found = json.loads(data)
        if type(found["format"]) is int and found["format"] > FORMAT:
            raise _Newer(f"format {found['format']}, of a newer Toque")
        return Kept(
            app=_text(found["app"]),
            recipients=tuple(_text(one) for one in found["recipients"]),
            variables={
                name: Variable(_text(v["value"]), v["secret"] is not False, int(v["version"]))
                for name, v in found["variables"].items()
            },
            made={name: _text(text) for name, text in found["made"].items()},
            versions=tuple(
                Version(
                    int(v["number"]), _text(v["at"]), _text(v["by"]), tuple(v["set"]),
                    tuple(v["unset"]),
                )
                for v in found["versions"]
            ),
        )  # fmt: skip
    except _Newer:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        raise ValueError("something else than it should") from None


def _same(one: Variable, other: Variable) -> bool:
    return (one.value, one.secret) == (other.value, other.secret)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
