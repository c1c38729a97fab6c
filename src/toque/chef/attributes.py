"""Attribute files: the values of a cookbook by their paths, and the dataclasses for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import ruby
from .accounting import Account
from .express import express, path_of, plain, truth
from .facts import AUTOMATIC, fact
from .paths import identifier, put, shown
from .ruby import Node
from .tokens import Unreadable
from .values import UNKNOWN, Expr, Path, Scope, constant

# Chef's precedence from weak to strong; within one level the last one counts.
LEVELS = {
    "default": 0, "default_unless": 0, "force_default": 1, "normal": 2, "set": 2,
    "normal_unless": 2, "set_unless": 2, "override": 3, "override_unless": 3, "force_override": 4,
}  # fmt: skip


@dataclass(frozen=True)
class Given:
    """One assignment."""

    path: Path
    value: Any
    level: int
    account: Account = field(compare=False)
    node: Node = field(compare=False)
    reads: tuple[Path, ...] = ()


@dataclass
class Values:
    """The attributes of one cookbook.  ``given`` is in the order of the files."""

    cookbook: str
    given: list[Given] = field(default_factory=list)

    def drop_unread(self, package: str, tops: set[str]) -> None:
        """List settings of other cookbooks that nothing in the repository reads."""
        kept = []
        for one in self.given:
            own = identifier(one.path[0].lower())
            if one.path[0] in tops or own in package or package in own:
                kept.append(one)
                continue
            reason = f"nothing in this repository reads node['{one.path[0]}']"
            one.account.left(one.node.line, one.node.last, reason)
        self.given = kept

    def leaves(self) -> dict[Path, Any]:
        """The strongest value of each path; a later one replaces what is above or below it."""
        found: dict[Path, Any] = {}
        for one in sorted(self.given, key=lambda given: given.level):
            for path in [p for p in found if p[: len(one.path)] == one.path and p != one.path]:
                del found[path]
            above = [p for p in found if p == one.path[: len(p)] and p != one.path]
            if above:
                put(found, above[0], one.path[len(above[0]) :], one.value)
            else:
                found[one.path] = one.value
        return found


def read_file(values: Values, account: Account, statements: Iterable[Node]) -> None:
    """Take up the assignments of one attribute file; what is none is listed."""
    for node in statements:
        if isinstance(node, (ruby.Choice, ruby.Case)):
            _decided(values, account, node)
        else:
            _statement(values, account, node)


def _statement(values: Values, account: Account, node: Node) -> None:
    if isinstance(node, ruby.Unknown):
        account.left(node.line, node.last, node.reason)
        return
    try:
        values.given.append(_given(values, account, node))
    except Unreadable as error:
        account.left(node.line, node.last, error.reason)
        return
    account.carried(node.line, node.last)
    before = [one for one in values.given[:-1] if one.path == values.given[-1].path]
    reads = values.given[-1].reads
    if reads:
        names = ", ".join(shown(path) for path in reads)
        account.noted(node.line, node.last, f"computed once from the default of {names}")
    if before:
        account.noted(
            node.line,
            node.last,
            f"{shown(before[0].path)} is set more than once; "
            "the strongest and then the last one counts",
        )


def _given(values: Values, account: Account, node: Node) -> Given:
    if not isinstance(node, ruby.Assignment):
        raise Unreadable(node.line, "no assignment of an attribute")
    keys: list[str] = []
    target = node.target
    while isinstance(target, ruby.Index):
        key = plain(target.key)
        if key is None:
            raise Unreadable(node.line, "an attribute whose name is computed")
        keys.append(key)
        target = target.target
    level = target.name if isinstance(target, ruby.Call) and not target.arguments else ""
    rooted = isinstance(target, ruby.Call) and target.target is not None
    if rooted and not (
        isinstance(target, ruby.Call)
        and isinstance(target.target, ruby.Call)
        and target.target.bare
        and target.target.name == "node"
    ):
        level = ""
    if level not in LEVELS or not keys:
        raise Unreadable(node.line, "no assignment of an attribute")
    if node.operator not in ("=", "||="):
        raise Unreadable(node.line, f"{node.operator} of an attribute")
    path = tuple(reversed(keys))
    if path[0] in AUTOMATIC:
        raise Unreadable(node.line, f"{shown(path)} is what a machine is, not a setting")
    made = express(node.value, Scope(_reader(values)))
    if made.value is UNKNOWN or not made.fixed:
        raise Unreadable(node.line, "a value that differs from machine to machine")
    _plain_value(made.value, node)
    unless = node.operator == "||=" or level.endswith("_unless")
    if unless and any(one.path == path for one in values.given):
        raise Unreadable(node.line, f"{shown(path)} is set already")
    reads = tuple(p for inner in ruby.walk(node.value) if (p := path_of(inner)) is not None)
    longest = tuple(p for p in reads if not any(q != p and q[: len(p)] == p for q in reads))
    return Given(path, made.value, LEVELS[level], account, node, longest)


def _plain_value(value: Any, node: Node) -> None:
    if isinstance(value, tuple) and len({type(item) for item in value}) > 1:
        raise Unreadable(node.line, "a list of several types")


def _reader(values: Values, platform: str = "") -> Any:
    def read(path: Path, line: int) -> Expr:
        if path == ("platform",) and platform:
            return constant(platform)
        if path[0] in AUTOMATIC:
            found = fact(path)
            if found is None:
                raise Unreadable(line, f"no counterpart for {shown(path)}")
            return found
        for known, value in values.leaves().items():
            if path[: len(known)] == known:
                for key in path[len(known) :]:
                    value = value.get(key) if isinstance(value, dict) else None
                return constant(value)
        raise Unreadable(line, f"{shown(path)} has no value here")

    return read


def _decided(values: Values, account: Account, node: ruby.Choice | ruby.Case) -> None:
    """A condition that comes out alike on Debian and Ubuntu is decided; others are listed."""
    try:
        chosen = [branch_for(node, Scope(_reader(values, name))) for name in ("debian", "ubuntu")]
    except Unreadable as error:
        account.left(node.line, node.last, error.reason)
        return
    if chosen[0] != chosen[1]:
        account.left(node.line, node.last, "a default that differs between Debian and Ubuntu")
        return
    _other_systems(account, node, chosen[0])
    read_file(values, account, chosen[0])


def branch_for(node: ruby.Choice | ruby.Case, scope: Scope) -> tuple[Node, ...]:
    """The statements that a condition leads to.  Raises ``Unreadable`` when it is not fixed."""
    if isinstance(node, ruby.Choice):
        for condition, body in node.branches:
            made = truth(express(condition, scope), node, jinja=False)
            if not made.fixed:
                raise Unreadable(node.line, "a condition that is not known beforehand")
            if made.value:
                return body
        return node.otherwise
    subject = express(node.subject, scope)
    if not subject.fixed:
        raise Unreadable(node.line, "a condition that is not known beforehand")
    for wanted, body in node.branches:
        if any(express(one, scope).value == subject.value for one in wanted):
            return body
    return node.otherwise


def _other_systems(account: Account, node: Node, chosen: Sequence[Node]) -> None:
    """List the lines of a condition that are not for Debian and Ubuntu."""
    account.carried(node.line, node.last)
    for body in bodies(node):
        if body is not chosen and body:
            account.left(body[0].line, body[-1].last, OTHER)


def no_value(path: Path) -> str:
    """Why an attribute cannot be read."""
    if path[0] in ("deploy", "opsworks"):
        return f"{shown(path)} is OpsWorks's own: r.app, r.environment() or toque.toml have it"
    return f"{shown(path)} has no default in this repository"


OTHER = "for other systems than Debian and Ubuntu"


def bodies(node: Node) -> list[tuple[Node, ...]]:
    if isinstance(node, (ruby.Choice, ruby.Case)):
        return [*(body for _, body in node.branches), node.otherwise]
    return []
