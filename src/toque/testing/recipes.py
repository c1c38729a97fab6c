"""A recipe in, a plan out: in milliseconds and without a machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..cookbooks.compile import Compiled, compile_plan
from ..cookbooks.cookbook import Cookbook, RecipeFunction, cookbook_of
from ..cookbooks.samples import DEBIAN_12, UV, sample_inputs
from ..errors import BadCookbook, nearest
from ..fleet.app import App
from ..fleet.attribute_layer import AttributeLayer
from ..fleet.environment import Environment
from ..fleet.release import Release
from ..fleet.source import Source
from ..fleet.spot import Spot
from ..node.model import Facts, Step
from ..node.resource import Resource


@dataclass(frozen=True)
class RecipePlan(Compiled):
    """A plan and what a test asks about it.

    ``bytes`` are those behind the plan's blobs; ``asked`` the ids of steps that somebody has asked
    for, see ``untouched``.
    """

    bytes: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    asked: set[str] = field(default_factory=set, repr=False)

    def __contains__(self, id: object) -> bool:
        if id not in self.resources:
            return False
        self.asked.add(str(id))
        return True

    def step(self, id: str) -> Step:
        """The step called ``id``, with its fields, guards (``when``) and ``notify``.

        Raises ``KeyError`` that names the nearest one.
        """
        step = super().step(id)
        self.asked.add(id)
        return step

    def resource(self, id: str) -> Resource:
        """What the step was made from."""
        self.step(id)
        return self.resources[id]

    def file(self, path: str) -> str:
        """The text that the plan puts at ``path``, secrets in it included.

        Raises ``KeyError`` when no step has a text for that path.
        """
        texts = {}
        for id, resource in self.resources.items():
            content = (resource.wanted() or {}).get("content")
            if isinstance(content, str):
                texts[str(getattr(resource, "path", ""))] = id, content
        if path not in texts:
            near = nearest(path, list(texts)) or f"there are {', '.join(sorted(texts)) or 'none'}"
            raise KeyError(f"no step has a text for {path}; {near}")
        id, text = texts[path]
        self.asked.add(id)
        return text

    @property
    def untouched(self) -> tuple[str, ...]:
        """The ids of steps that nobody has asked for: by ``in``, ``step``, ``resource`` or
        ``file``.  Converging does not count, since it asserts nothing about one step."""
        return tuple(id for id in self.ids if id not in self.asked)


def compile_recipe(
    recipe: Cookbook | RecipeFunction,
    event: str = "setup",
    *,
    attributes: Mapping[str, Any] | None = None,
    facts: Facts = DEBIAN_12,
    app: App | None = None,
    apps: Sequence[App] = (),
    release: Release | None = None,
    source: Source | None = None,
    environments: Mapping[str, Environment] | None = None,
    secrets: Mapping[str, str] | None = None,
    node: str = "test",
    stack: str = "test",
    limit_s: float = 30.0,
) -> RecipePlan:
    """The plan of a cookbook's ``event``, or of one recipe function.

    ``attributes`` are those of the cookbook itself, or tables by cookbook name when every key
    names a table of a cookbook (``{"thena_infra": {...}, "nginx": {...}}``).  What is not given
    of an app is made up: its secrets, and for ``app`` (the one being deployed) a release.
    """
    if isinstance(recipe, Cookbook):
        cookbook = recipe
    else:
        around = cookbook_of(recipe.__module__)
        if around is None:
            raise BadCookbook(
                "cookbook-missing",
                f"{recipe.__name__} stands in no cookbook",
                expected="Cookbook(...) in its module or a package around it",
                found=recipe.__module__,
            )
        cookbook = replace(around, events={event: recipe})
    tables = dict(attributes or {})
    if cookbook.name not in tables and not _by_cookbook(cookbook, tables):
        tables = {cookbook.name: tables}
    given = {
        "release": release,
        "source": source,
        "environments": environments,
        "secrets": secrets,
    }
    inputs = sample_inputs(
        facts,
        apps,
        app,
        node=node,
        stack=stack,
        layers=(AttributeLayer("run", tables, Spot("attributes")),),
        limit_s=limit_s,
        **{name: value for name, value in given.items() if value},
    )
    made = compile_plan(f"{event} {node}", [(cookbook, event)], inputs)
    same = {one.name: getattr(made, one.name) for one in fields(Compiled)}
    return RecipePlan(**same, bytes={hashlib.sha256(UV).hexdigest(): UV})


def _by_cookbook(cookbook: Cookbook, tables: Mapping[str, Any]) -> bool:
    """Whether keys name other cookbooks: tables that are no fields of this one's attributes."""
    own = getattr(cookbook.attributes, "__dataclass_fields__", {})
    return bool(tables) and all(
        isinstance(table, Mapping) and key not in own for key, table in tables.items()
    )
