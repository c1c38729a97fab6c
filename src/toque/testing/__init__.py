"""For tests of cookbooks: a recipe in, a plan out, in milliseconds and without a machine; and a
machine in memory to apply it to.

from toque.testing import compile_recipe, converge

def test_site_follows_domains():
    plan = compile_recipe(cookbook, "setup", attributes={"domains": ["thena.example"]})
    assert "server_name thena.example;" in plan.file("/etc/nginx/sites-enabled/thena")

def test_second_run_changes_nothing():
    first = converge(compile_recipe(cookbook))
    assert converge(compile_recipe(cookbook), first.machine).changed == ()
"""

from __future__ import annotations

from ..cookbooks.compile import Compiled
from ..cookbooks.samples import (
    DEBIAN_11,
    DEBIAN_12,
    DEBIAN_13,
    RELEASES,
    UBUNTU_22_04,
    UBUNTU_24_04,
    planted,
)
from ..fleet.app import App, Database
from ..usecases.converge import StepError
from .contents import Contents
from .converging import Run, check, converge
from .coverage import Coverage
from .machine import Machine
from .recipes import RecipePlan, compile_recipe

DEBIAN = DEBIAN_12  # when it does not matter which

__all__ = [
    "DEBIAN",
    "DEBIAN_11",
    "DEBIAN_12",
    "DEBIAN_13",
    "RELEASES",
    "UBUNTU_22_04",
    "UBUNTU_24_04",
    "App",
    "Compiled",
    "Contents",
    "Coverage",
    "Database",
    "Machine",
    "RecipePlan",
    "Run",
    "StepError",
    "check",
    "compile_recipe",
    "converge",
    "planted",
]
