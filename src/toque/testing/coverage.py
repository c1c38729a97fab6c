"""Which resources of a cookbook no test has asked about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .recipes import RecipePlan, compile_recipe


@dataclass(frozen=True)
class Coverage:
    """Compiles recipes and remembers their plans.

    One resource is one id declared at one place: compiled by many tests, it has to be asked about
    in one of them.  ``toque.testing.plugin`` keeps one of these for a whole run of pytest.
    """

    plans: list[RecipePlan] = field(default_factory=list)

    def compile_recipe(self, *given: Any, **options: Any) -> RecipePlan:
        """As ``toque.testing.compile_recipe``."""
        plan = compile_recipe(*given, **options)
        self.plans.append(plan)
        return plan

    def declared(self) -> frozenset[tuple[str, str]]:
        """Place and id of every resource."""
        return frozenset((step.place, step.id) for plan in self.plans for step in plan.plan.steps)

    def untouched(self) -> tuple[tuple[str, str], ...]:
        """Place and id of those that no test has asked about, sorted."""
        asked = {
            (step.place, step.id)
            for plan in self.plans
            for step in plan.plan.steps
            if step.id in plan.asked
        }
        return tuple(sorted(self.declared() - asked))
