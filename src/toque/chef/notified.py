"""What in a cookbook can be notified, and who wishes it."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import ruby
from .adding import carry
from .declared import Files, declare, wish_of
from .express import express
from .layout import Doc, Made, quoted, text_of
from .ruby import Node, spoken
from .tokens import Unreadable
from .values import Expr, Scope, local_name
from .wishes import VERBS, Notifier, Target


@dataclass(frozen=True)
class Notified:
    """``services`` is what all places together say of a service; ``lines`` where it is added."""

    targets: Mapping[str, Target]
    services: Mapping[str, Mapping[str, Doc]]
    lines: Mapping[str, int]


def targets(recipes: Mapping[str, Sequence[Node]], scope: Scope, files: Files) -> Notified:
    """Those that stand in no condition or loop, and can be carried over."""
    found: dict[str, Target] = {}
    services: dict[str, dict[str, Doc]] = {}
    lines: dict[str, int] = {}
    clash: set[str] = set()
    for recipe, body in recipes.items():
        inside = scope
        for index, node in enumerate(body):
            inside = inside.with_names(_set(node, inside))
            if not isinstance(node, ruby.Call) or node.name not in VERBS or node.target is not None:
                continue
            try:
                declared = declare(node, inside, files)
                made, more = carry(declared)
            except Unreadable:
                continue
            key = f"{node.name}[{spoken(node.arguments[0])}]"
            if node.name == "service":
                made = [one for one in made if one.opening == "Service("]
                if more:  # what holds for this place does not for the others
                    clash.add(key)
                for name, value in (pair for one in made for pair in one.items if pair[0]):
                    before = services.setdefault(key, {}).setdefault(name.removesuffix("="), value)
                    if before != value:
                        clash.add(key)
            if made and key not in found:
                action = _action(node.name, declared.name.text, made[0])
                text = made[0].flat
                local = any(
                    re.search(rf"(?<![\w.]){one.text}\b", text) for one in inside.names.values()
                )
                found[key] = Target(key, recipe, index, VERBS[node.name], action, local)
                lines[key] = node.line
    return Notified(found, {k: v for k, v in services.items() if k not in clash}, lines)


def _set(node: Node, scope: Scope) -> dict[str, Expr]:
    """The variable that a statement sets, with its value."""
    if isinstance(node, ruby.Assignment) and node.operator == "=":
        target = node.target
        if isinstance(target, ruby.Call) and target.bare:
            try:
                return {
                    target.name: Expr(local_name(target.name), express(node.value, scope).value)
                }
            except Unreadable:
                pass
    return {}


def _action(kind: str, name: str, made: Made) -> str:
    """How Python writes it, with {} for the verb."""
    if kind == "service":
        return f"Service({name.replace('{', '{{').replace('}', '}}')}).{{}}"
    fields = dict(made.items)
    own = text_of(fields["name="]) if "name=" in fields else name
    if own[0] not in "\"'":
        return f'Action("command:" + {own}, "{{}}")'
    word = quoted(f"command:{literal_eval(own)}").replace("{", "{{").replace("}", "}}")
    return f'Action({word}, "{{}}")'


def wishes(recipes: Mapping[str, Sequence[Node]]) -> list[Notifier]:
    """notifies as written; subscribes from the side of what is subscribed to."""
    found: list[Notifier] = []
    places: dict[str, tuple[str, int, int]] = {}
    subscribed: list[tuple[str, ruby.Call]] = []
    for recipe, body in recipes.items():
        for index, top in enumerate(body):
            for node in ruby.walk(top):
                if not isinstance(node, ruby.Call) or node.block is None or not node.arguments:
                    continue
                key = f"{node.name}[{spoken(node.arguments[0])}]"
                places.setdefault(key, (recipe, index, node.line))
                for one in node.block.body:
                    if isinstance(one, ruby.Call) and one.target is None and one.name == "notifies":
                        wish = wish_of(one)
                        found.append(Notifier(recipe, index, node.line, key, wish.other, wish))
                    elif (
                        isinstance(one, ruby.Call)
                        and one.target is None
                        and one.name == "subscribes"
                    ):
                        subscribed.append((key, one))
    for key, one in subscribed:
        wish = wish_of(one)
        recipe, index, line = places.get(wish.other, ("", 0, 0))
        found.append(Notifier(recipe, index, line, wish.other, key if recipe else "", wish))
    return found
