"""A deploy's plan in three: what is built, what proves itself, what moves the visitors.  Pure.

One node does all of it in one run.  Many nodes wait for each other between the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import BadCookbook
from ..node.model import Plan, Step
from ..node.wire import marked
from .converge import Parcel


@dataclass(frozen=True)
class Parts:
    """``prove`` begins with the migration, or with the rehearsal; ``switch`` rehearses once more,
    as a release that was left alone for a while may have ended."""

    build: Parcel
    prove: Parcel
    switch: Parcel


def parts_of(sent: Parcel) -> Parts:
    """The parts of a deploy's parcel.  Raises ``BadCookbook("deploy-not-divisible")``."""
    steps = sent.plan.steps
    kinds = [step.kind for step in steps]
    if "instance" not in kinds or "current" not in kinds[kinds.index("instance") :]:
        raise _not_divisible(sent.plan, "an Instance before a Current", "another order")
    rehearsal = kinds.index("instance")
    at = kinds.index("migration") if "migration" in kinds[:rehearsal] else rehearsal
    return Parts(
        _part(sent, steps[:at]),
        _part(sent, steps[at : rehearsal + 1]),
        _part(sent, steps[rehearsal:]),
    )


def _part(sent: Parcel, steps: Sequence[Step]) -> Parcel:
    ids = {step.id for step in steps}
    for step in steps:
        beyond = [action.target for action in step.notify if action.target not in ids]
        if beyond:
            raise _not_divisible(sent.plan, f"{step.id} to notify its own part", beyond[0])
    plan = replace(sent.plan, steps=tuple(steps))
    needed = {m for step in steps for m in marked(step.fields, "$blob")}
    blobs = {sha256: blob for sha256, blob in sent.blobs.items() if sha256 in needed}
    return replace(sent, plan=plan, blobs=blobs)


def _not_divisible(plan: Plan, expected: str, found: str) -> BadCookbook:
    return BadCookbook(
        "deploy-not-divisible",
        f"the plan '{plan.name}' cannot be carried out on several nodes",
        expected=expected,
        found=found,
        hint="let python_app.switch be the end of the deploy recipe",
    )
