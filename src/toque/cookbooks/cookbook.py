"""A cookbook: a name, typed attributes, and a recipe per lifecycle event."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadCookbook, nearest
from ..fleet.layer import EVENTS
from .place import place_of

if TYPE_CHECKING:
    from .recipe import Recipe

RecipeFunction = Callable[["Recipe"], None]


def _root_of_caller() -> Path:
    # this function, the dataclass's __init__, whoever makes the cookbook
    return Path(sys._getframe(2).f_code.co_filename).resolve().parent


def _place_of_caller() -> str:
    return place_of(sys._getframe(2))


@dataclass(frozen=True)
class Cookbook:
    """``attributes`` is a frozen dataclass; ``events`` maps setup, configure, deploy, undeploy and
    shutdown to recipes.  ``sets`` are settings of the cookbooks that this one includes, by their
    attribute class: ``{Nginx: {"largest_body": "20m"}}``.  ``root`` is the folder with
    ``templates/`` and ``files/``; it is the one of the file that makes the cookbook."""

    name: str
    attributes: type[Any] | None = None
    events: Mapping[str, RecipeFunction] = field(default_factory=dict)
    sets: Mapping[type[Any], Mapping[str, Any]] = field(default_factory=dict)
    root: Path = field(default_factory=_root_of_caller)
    place: str = field(default_factory=_place_of_caller, compare=False)

    def __post_init__(self) -> None:
        for event in self.events:
            if event not in EVENTS:
                raise BadCookbook(
                    "unknown-event",
                    f"cookbook {self.name} has a recipe for '{event}', which is not an event",
                    expected=f"one of {', '.join(EVENTS)}",
                    found=event,
                    hint=nearest(event, EVENTS),
                    place=self.place,
                )
        frozen = self.attributes is None or (
            dataclasses.is_dataclass(self.attributes)
            and self.attributes.__dataclass_params__.frozen  # type: ignore[attr-defined]
        )
        if not frozen:
            raise BadCookbook(
                "attributes-not-frozen",
                f"the attributes of cookbook {self.name} can be changed by a recipe",
                expected="a class under @dataclass(frozen=True)",
                found=repr(self.attributes),
                place=self.place,
            )

    def recipe(self, event: str) -> RecipeFunction:
        """The recipe for ``event``.  Raises ``BadCookbook("unknown-event")``."""
        if event in self.events:
            return self.events[event]
        raise BadCookbook(
            "unknown-event",
            f"cookbook {self.name} has no recipe for {event}",
            expected=f"one of {', '.join(self.events)}" if self.events else "at least one recipe",
            found=event,
            hint=nearest(event, self.events),
            place=self.place,
        )


def cookbook_of(module: str, attributes: type[Any] | None = None) -> Cookbook | None:
    """The cookbook that the imported ``module`` or a package around it holds.

    With ``attributes``, the one whose attributes are that type.
    """
    while module:
        found = [c for c in vars(sys.modules.get(module, sys)).values() if isinstance(c, Cookbook)]
        for cookbook in found:
            if attributes is None or cookbook.attributes is attributes:
                return cookbook
        module = module.rpartition(".")[0]
    return None
