"""Who notifies whom in a cookbook, and where the notified therefore have to stand.

In Toque an action is answered where its target stands in the plan, behind all who notify it.  In
Chef a target may stand before them.  So targets move: behind their last notifier in the same
recipe, or, when other recipes notify them, to what runs after all recipes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from . import ruby
from .declared import Wish

VERBS = {
    "service": ("restart", "reload"),
    "execute": ("run",),
    "bash": ("run",),
    "script": ("run",),
}


@dataclass(frozen=True)
class Target:
    """A resource that can be notified: ``key`` as in ``service[nginx]``, where it stands."""

    key: str
    recipe: str
    index: int
    verbs: tuple[str, ...]
    action: str  # how Python writes the action, with {} for the verb
    local: bool = False  # names variables of its recipe


@dataclass(frozen=True)
class Notifier:
    """What stands on ``line``, in statement ``index`` of ``recipe``, wishes ``wish`` of ``target``.
    ``key`` is its own, as in ``template[/etc/x]``; empty when that is computed."""

    recipe: str
    index: int
    line: int
    key: str
    target: str
    wish: Wish


@dataclass
class Placing:
    """``late`` are targets that run after all recipes; ``orders`` the statements of each recipe."""

    targets: Mapping[str, Target]
    late: set[str] = field(default_factory=set)
    orders: dict[str, list[int]] = field(default_factory=dict)
    wishes: dict[tuple[str, int], list[Notifier]] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)  # by id() of the wish's node


def place(
    targets: Mapping[str, Target],
    notifiers: Sequence[Notifier],
    recipes: Mapping[str, Sequence[ruby.Node]],
    reached: frozenset[str],
) -> Placing:
    """``reached`` are the recipes that the event's own recipe includes, itself included."""
    made = Placing(targets)
    made.orders = {name: list(range(len(body))) for name, body in recipes.items()}
    known = []
    for one in notifiers:
        reason = _refusal(one, targets, reached)
        if reason:
            made.refused[id(one.wish.node)] = reason
        else:
            known.append(one)
    _late(made, known)
    by_place = {(t.recipe, t.index): t.key for t in targets.values()}
    for _ in range(len(known) ** 2 + 1):
        if not _moved(made, known, by_place):
            break
    else:
        for one in known:
            made.refused[id(one.wish.node)] = "resources that notify each other in a circle"
        known = []
        made.orders = {name: list(range(len(body))) for name, body in recipes.items()}
        made.late = set()
    for one in known:
        made.wishes.setdefault((one.recipe, one.index), []).append(one)
    return made


def _refusal(one: Notifier, targets: Mapping[str, Target], reached: frozenset[str]) -> str:
    if not one.target:
        return "a notification that is computed"
    target = targets.get(one.target)
    if target is None:
        return f"{one.target} is not carried over, or stands in a condition or another cookbook"
    if one.wish.verb not in target.verbs:
        return f"{one.target} cannot :{one.wish.verb} when notified"
    if target.recipe != one.recipe and not {target.recipe, one.recipe} <= reached:
        return f"{one.target} stands in another recipe, and no event runs both"
    if target.recipe != one.recipe and target.local:
        return f"{one.target} needs variables of its own recipe"
    if one.key == one.target:
        return f"{one.target} notifies itself"
    return ""


def _late(made: Placing, known: Sequence[Notifier]) -> None:
    while True:
        more = {
            one.target
            for one in known
            if made.targets[one.target].recipe != one.recipe or one.key in made.late
        }
        if more <= made.late:
            return
        made.late |= more


def _moved(
    made: Placing, known: Sequence[Notifier], by_place: Mapping[tuple[str, int], str]
) -> bool:
    """Put one target behind who notifies it; whether there was one."""
    for one in known:
        target = made.targets[one.target]
        if one.target in made.late:
            continue
        order = made.orders[one.recipe]
        if order.index(one.index) > order.index(target.index):
            order.remove(target.index)
            order.insert(order.index(one.index) + 1, target.index)
            return True
    return False
