"""Compiling the library's recipes for one app, as a node would be given them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from toque.cookbooks.compile import Compiled, compile_plan
from toque.cookbooks.cookbook import Cookbook
from toque.cookbooks.inputs import Inputs
from toque.cookbooks.load import load
from toque.fleet.app import App, Database
from toque.fleet.attribute_layer import AttributeLayer
from toque.fleet.environment import Environment
from toque.fleet.release import Release
from toque.fleet.source import Source
from toque.node.values import Blob
from toque.testing import DEBIAN

COMMIT = "0123456789ab" + "c" * 28
PASSWORD = "pa%40ss\"w'ord$"
EXAMPLES = Path(__file__).parents[3] / "examples"

THENA = App(
    name="thena",
    repository="https://forge.example/thena",
    layer="web",
    migrate=("alembic", "upgrade", "head"),
    env={"GREETING": "hello"},
    secrets={"SECRET_KEY": "generate"},
    database=Database("thena"),
)
SECRETS = {
    "thena/SECRET_KEY": "the-key",
    "thena/DATABASE_URL": f"postgresql://{PASSWORD}",
    "thena/database-password": PASSWORD,
}
ENVIRONMENT = Environment(
    "thena",
    THENA.env,
    {"SECRET_KEY": "the-key", "DATABASE_URL": SECRETS["thena/DATABASE_URL"]},
    SECRETS,
)

Compile = Callable[..., Compiled]


@pytest.fixture(params=["systemd", "supervisor"])
def init(request: pytest.FixtureRequest) -> str:
    """Both kinds of machine: the plan is the same text for each."""
    return str(request.param)


@pytest.fixture
def plan_of(init: str) -> Compile:
    """``plan_of((cookbook, "setup"), app=..., tables={...}, kept=False)``."""

    def make(
        *recipes: tuple[Cookbook, str],
        app: App = THENA,
        apps: Sequence[App] | None = None,
        tables: dict[str, dict[str, Any]] | None = None,
        codename: str = "bookworm",
        ports: dict[str, int] | None = None,
        kept: bool = False,
        beside: bytes = b"",
        whole: bool = False,
    ) -> Compiled:
        deploying = any(event == "deploy" for _, event in recipes)
        source = Source(b"", kept=True) if kept else _source(app, beside, whole)
        inputs = Inputs(
            node="web1",
            facts=replace(DEBIAN, init=init, codename=codename, extra={"ports": ports or {}}),
            layers=(AttributeLayer("stack", tables or {}),),
            apps=(app,) if apps is None else apps,
            app=app if deploying else None,
            release=Release(f"{COMMIT[:12]}-abcdef", app.name, COMMIT),
            source=source if deploying else None,
            uv=Blob("1" * 64, 10),
            environments={app.name: ENVIRONMENT},
        )
        return compile_plan("test", recipes, inputs)

    return make


def _source(app: App, beside: bytes, whole: bool) -> Source:
    return Source(b"flask==3", url=app.repository, beside=beside, whole=whole)


@pytest.fixture
def thena_infra() -> Cookbook:
    """The example's cookbook."""
    return load(EXAMPLES / "thena-infra")
