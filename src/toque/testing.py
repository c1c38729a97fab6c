"""For tests of cookbooks: a recipe in, a plan out, in milliseconds and without a machine.

from toque.testing import compile_recipe

def test_site_follows_domains():
    plan = compile_recipe(cookbook, "setup", attributes={"domains": ["thena.example"]})
    assert "file:/etc/nginx/sites-enabled/thena" in plan.ids
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .cookbooks.compile import Compiled, compile_plan
from .cookbooks.cookbook import Cookbook, RecipeFunction, cookbook_of
from .cookbooks.inputs import Inputs
from .errors import BadCookbook
from .fleet.app import App
from .fleet.attribute_layer import AttributeLayer
from .fleet.environment import Environment, database_url, password_name
from .fleet.release import Release, blank_release
from .fleet.source import Source
from .fleet.spot import Spot
from .node.model import Facts

DEBIAN = Facts(
    hostname="test",
    os="debian",
    release="12",
    codename="bookworm",
    architecture="x86_64",
    cpus=2,
    memory_mb=1024,
    addresses=("192.0.2.10",),
    init="systemd",
    init_reason="test",
    python="3.11.2",
)

__all__ = ["DEBIAN", "Compiled", "compile_recipe", "planted"]


def compile_recipe(
    recipe: Cookbook | RecipeFunction,
    event: str = "setup",
    *,
    attributes: Mapping[str, Any] | None = None,
    facts: Facts = DEBIAN,
    app: App | None = None,
    apps: Sequence[App] = (),
    release: Release | None = None,
    source: Source | None = None,
    environments: Mapping[str, Environment] | None = None,
    secrets: Mapping[str, str] | None = None,
    node: str = "test",
    stack: str = "test",
    limit_s: float = 30.0,
) -> Compiled:
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
        cookbook = Cookbook(
            around.name, around.attributes, {event: recipe}, around.root, around.place
        )
    tables = dict(attributes or {})
    if cookbook.name not in tables and not _by_cookbook(cookbook, tables):
        tables = {cookbook.name: tables}
    every = tuple(apps) or ((app,) if app else ())
    inputs = Inputs(
        node=node,
        stack=stack,
        facts=facts,
        layers=(AttributeLayer("run", tables, Spot("attributes")),),
        apps=every,
        app=app,
        release=release or (blank_release(app.name, "0" * 40) if app else None),
        source=source or (Source(b"", url="https://example.invalid/x") if app else None),
        environments=environments or {one.name: planted(one) for one in every},
        secrets=secrets or {},
        limit_s=limit_s,
    )
    return compile_plan(f"{event} {node}", [(cookbook, event)], inputs)


def planted(app: App) -> Environment:
    """An environment of ``app`` whose secrets are made up, and the same every time."""
    secret = {name: f"secret-{app.name}-{name}" for name in app.secrets}
    named = {f"{app.name}/{name}": text for name, text in secret.items()}
    if app.database:
        password = named[password_name(app)] = f"secret-{app.name}-password"
        url = database_url(app, app.database, password)
        secret[app.database.variable] = named[f"{app.name}/{app.database.variable}"] = url
    return Environment(app.name, dict(app.env), secret, named)


def _by_cookbook(cookbook: Cookbook, tables: Mapping[str, Any]) -> bool:
    """Whether keys name other cookbooks: tables that are no fields of this one's attributes."""
    own = getattr(cookbook.attributes, "__dataclass_fields__", {})
    return bool(tables) and all(
        isinstance(table, Mapping) and key not in own for key, table in tables.items()
    )
