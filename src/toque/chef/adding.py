"""What a resource adds to a recipe, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass

from . import ruby
from .attributes import bodies
from .declared import Declared
from .layout import Doc, Made, text_of, tuple_of
from .resources import REASONS, TYPES
from .ruby import Node
from .tokens import Unreadable


@dataclass
class Counts:
    """Resources: all, those carried over whole, those without some of their notifications."""

    all: int = 0
    whole: int = 0
    partly: int = 0

    def plus(self, other: Counts) -> Counts:
        return Counts(self.all + other.all, self.whole + other.whole, self.partly + other.partly)


def resources_in(node: Node) -> int:
    """How many resources a statement declares: those of known types, and any name with a block."""
    if isinstance(node, ruby.Call) and node.target is None:
        known = node.name in TYPES or node.name in REASONS
        return int(known or node.block is not None)
    if isinstance(node, ruby.Call) and node.block is not None:
        return sum(resources_in(one) for one in node.block.body)
    return sum(resources_in(one) for body in bodies(node) for one in body)


def checked(one: Made) -> list[tuple[str, str]]:
    """What holds on each machine after a resource: a running service, a file that is there."""
    name = text_of(one.items[0][1]) if one.items else ""
    fields = {key: text_of(value) for key, value in one.items if key}
    if not name.startswith(('"', "'")) or "absent=" in fields:
        return []
    if one.opening == "Service(" and fields.get("running=") == "True":
        return [("service", name)]
    return [("file", name)] if one.opening in ("File(", "Directory(", "Link(", "Git(") else []


def carry(declared: Declared) -> tuple[list[Made], dict[str, Doc]]:
    """What stands for a resource, and the arguments of ``r.add`` beside it."""
    made = TYPES[declared.kind](declared)
    guards = declared.guards()
    more: dict[str, Doc] = {}
    if guards:
        more["when"] = guards[0] if len(guards) == 1 else tuple_of(guards)
    for theirs, ours in (("retries", "retries"), ("retry_delay", "retry_wait_s")):
        value = declared.value(theirs)
        if value is not None:
            more[ours] = value.text
    if declared.truth("sensitive"):
        more["sensitive"] = "True"
    declared.said  # noqa: B018 - an action is always asked for
    unknown = sorted(set(declared.properties) - declared.asked)
    if unknown:
        first = declared.properties[unknown[0]][0]
        raise Unreadable(first.line, f"{declared.kind} with {', '.join(unknown)}")
    return made, more
