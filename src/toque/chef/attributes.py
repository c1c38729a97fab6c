"""Attribute files: the values of a cookbook by their paths, and the dataclasses for them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import ruby
from .accounting import Account
from .express import express, path_of, plain, truth
from .facts import AUTOMATIC, fact
from .layout import Doc, Made, call, lines_of, literal, text_of
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
                _into(found, above[0], one.path[len(above[0]) :], one.value)
            else:
                found[one.path] = one.value
        return found


def _into(found: dict[Path, Any], path: Path, rest: Path, value: Any) -> None:
    """Put a value into the mapping at ``path``; what is no mapping there is replaced."""
    at = dict(found[path]) if isinstance(found[path], dict) else {}
    found[path] = at
    for key in rest[:-1]:
        at[key] = dict(at[key]) if isinstance(at.get(key), dict) else {}
        at = at[key]
    at[rest[-1]] = value


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


def shown(path: Path) -> str:
    return "node" + "".join(f"['{key}']" for key in path)


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


# --- shape ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """The dataclasses of a cookbook's attributes.

    ``leaves`` are values by path; a path that is read as a whole is one, a mapping.  ``names`` are
    fields by path.  With ``flat``, the first key is left out of all: it is the only one.
    """

    kind: str
    leaves: Mapping[Path, Any]
    names: Mapping[Path, str]
    flat: bool

    def read(self, path: Path) -> tuple[str, Any] | None:
        """``x.y["z"]`` for a path, and its default; None when it has no value."""
        for end in range(1, len(path) + 1):
            if path[:end] in self.leaves:
                start = 2 if self.flat else 1
                text = ".".join(self.names[path[:n]] for n in range(start, end + 1))
                value = self.leaves[path[:end]]
                for key in path[end:]:
                    if not isinstance(value, dict) or key not in value:
                        return None
                    value = value[key]
                    text += f"[{text_of(literal(key))}]"
                return text, value
        return None


def identifier(word: str) -> str:
    """A name for Python: ``my-key`` is ``my_key``."""
    name = re.sub(r"\W", "_", word, flags=re.ASCII)
    name = name if name and not name[0].isdigit() else f"_{name}"
    name = f"x{name}" if name.startswith("__") or name == "_" else name
    return f"{name}_" if keyword.iskeyword(name) or name in ("field",) else name


def class_name(word: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", word)) or "X"


def shape(cookbook: str, values: Values, whole: Iterable[Path]) -> Shape:
    """``whole`` are paths that code reads as a mapping."""
    leaves: dict[Path, Any] = {}
    tops = sorted(set(whole), key=len)
    for path, value in values.leaves().items():
        top = next((t for t in tops if len(t) < len(path) and path[: len(t)] == t), None)
        if top is None:
            leaves[path] = value
        else:
            leaves.setdefault(top, {})
            _into(leaves, top, path[len(top) :], value)
    names: dict[Path, str] = {}
    taken: dict[tuple[Path, str], Path] = {}
    for path in leaves:
        for end in range(1, len(path) + 1):
            name = identifier(path[end - 1])
            while taken.setdefault((path[: end - 1], name), path[:end]) != path[:end]:
                name += "_"
            names[path[:end]] = name
    first = {path[0] for path in leaves}
    flat = len(first) == 1 and all(len(path) > 1 for path in leaves)
    kind = class_name(cookbook)
    return Shape(kind if kind[0].isalpha() else f"X{kind}", leaves, names, flat)


def annotation(value: Any) -> str:
    if value is None:
        return "str | None"
    if isinstance(value, tuple):
        kinds = {annotation(item) for item in value} or {"str"}
        return f"tuple[{kinds.pop() if len(kinds) == 1 else 'Any'}, ...]"
    if isinstance(value, dict):
        kinds = {annotation(item) for item in value.values()} or {"Any"}
        return f"Mapping[str, {kinds.pop() if len(kinds) == 1 else 'Any'}]"
    return type(value).__name__


def source(shape: Shape, cookbook: str) -> str:
    """attributes.py"""
    classes: list[str] = []
    _class(shape, shape.kind, _root(shape), classes)
    body = "\n\n\n".join(classes)
    fields = ", field" if "= field(" in body else ""
    imports = ["from dataclasses import dataclass" + fields]
    if "Mapping[" in body:
        imports.insert(0, "from collections.abc import Mapping")
    if "Any" in body and re.search(r"\bAny\b", body):
        imports.append("from typing import Any")
    chef = f"node['{next(iter(shape.leaves))[0]}']" if shape.flat else "node"
    head = f'"""The attributes of {cookbook}; {chef} of Chef is a in recipes, node in templates."""'
    return "\n".join([head, "", *imports, "", "", body, ""])


def _root(shape: Shape) -> Path:
    return next(iter(shape.leaves))[:1] if shape.flat else ()


def _class(shape: Shape, kind: str, at: Path, classes: list[str]) -> None:
    lines = ["@dataclass(frozen=True)", f"class {kind}:"]
    keys = dict.fromkeys(path[: len(at) + 1] for path in shape.leaves if path[: len(at)] == at)
    for path in keys:
        name = shape.names[path]
        if path not in shape.leaves:
            inner = f"{kind}{class_name(path[-1])}"
            _class(shape, inner, path, classes)
            lines += lines_of(call("field", default_factory=inner), 4, f"{name}: {inner} = ")
            continue
        value = shape.leaves[path]
        default: Doc = literal(value)
        if isinstance(value, dict):
            default = Made("field(", (("default_factory=lambda: ", default),))
        lines += lines_of(default, 4, f"{name}: {annotation(value)} = ")
    classes.append("\n".join(lines))
