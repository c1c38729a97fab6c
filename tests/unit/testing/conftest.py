"""A cookbook made in the test, and a machine for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from toque import Cookbook, Recipe
from toque.node.resource import Resource
from toque.testing import Machine, RecipePlan, compile_recipe

Plan = Callable[..., RecipePlan]


@pytest.fixture
def plan() -> Plan:
    """``plan(File(...), User(...))``: those resources, in that order."""

    def make(*resources: Resource) -> RecipePlan:
        def setup(r: Recipe) -> None:
            for resource in resources:
                r.add(resource)

        return compile_recipe(Cookbook("inline", events={"setup": setup}))

    return make


@pytest.fixture
def machine() -> Machine:
    return Machine()
