"""A deploy's plan, divided for nodes that wait for each other."""

from __future__ import annotations

import pytest

from toque.errors import BadCookbook
from toque.node.model import Action, Plan, Step
from toque.node.values import Blob
from toque.usecases.converge import Parcel
from toque.usecases.parts import parts_of

KINDS = ("checkout", "venv", "file", "migration", "instance", "current", "retired", "releases")


def step(kind: str, **more: object) -> Step:
    return Step(f"{kind}:x", kind, {}, "recipe.py:1", **more)  # type: ignore[arg-type]


def kinds(parcel: Parcel) -> list[str]:
    return [step.kind for step in parcel.plan.steps]


def test_all_is_built_before_anything_proves_itself_or_moves_visitors() -> None:
    parts = parts_of(Parcel(Plan("deploy", tuple(step(kind) for kind in KINDS))))

    assert kinds(parts.build) == ["checkout", "venv", "file"]
    assert kinds(parts.prove) == ["migration", "instance"]
    assert kinds(parts.switch) == ["instance", "current", "retired", "releases"]


def test_only_the_part_that_names_a_blob_brings_it() -> None:
    bundle = Step("checkout:x", "checkout", {"bundle": {"$blob": "ab", "size": 1}}, "recipe.py:1")
    steps = (bundle, *(step(kind) for kind in KINDS[1:]))
    parts = parts_of(Parcel(Plan("deploy", steps), blobs={"ab": (Blob("ab", 1), None)}))  # type: ignore[dict-item]

    assert [list(p.blobs) for p in (parts.build, parts.prove, parts.switch)] == [["ab"], [], []]


@pytest.mark.parametrize(
    "steps",
    [
        [step("checkout"), step("current")],
        [step("current"), step("instance")],
        [step("file", notify=(Action("retired:x", "restart"),)), *map(step, KINDS[4:])],
    ],
)
def test_a_plan_in_another_order_is_refused(steps: list[Step]) -> None:
    with pytest.raises(BadCookbook) as caught:
        parts_of(Parcel(Plan("deploy", tuple(steps))))

    assert caught.value.code == "deploy-not-divisible"
