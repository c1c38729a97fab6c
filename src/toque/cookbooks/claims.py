"""Two steps that manage the same path are a mistake, found before any machine is touched."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import BadCookbook
from ..node.claim import Claim
from .recipe import Added


def check_claims(steps: Sequence[Added]) -> None:
    """Raise ``BadCookbook("path-managed-twice")`` for the first two steps whose claims meet.

    Steps that both have guards are let through: their guards may never hold together, as for two
    releases of Debian.
    """
    claimed: dict[str, list[tuple[Claim, Added]]] = {}  # by path, in written order
    for step in steps:
        for claim in step.resource.claims():
            claimed.setdefault(claim.path, []).append((claim, step))
    wide = {path for path, claims in claimed.items() if any(claim.below for claim, _ in claims)}
    for path, claims in claimed.items():
        for number, (claim, step) in enumerate(claims):
            above = [one for directory in _above(path) & wide for one in claimed[directory]]
            for other, before in claims[:number] + above:
                unguarded = not (step.when and before.when)
                if before is not step and unguarded and claim.meets(other):
                    raise _twice(before, step, other, claim, steps)


def _above(path: str) -> set[str]:
    """The directories above ``path``."""
    parts = path.split("/")
    return {"/".join(parts[:count]) for count in range(2, len(parts))}


def _twice(
    one: Added, other: Added, its: Claim, others: Claim, steps: Sequence[Added]
) -> BadCookbook:
    if its.path == others.path:
        message = f"{its.path} is managed by {one.resource.id} and by {other.resource.id}"
    else:
        message = (
            f"{other.resource.id} manages {others.path}, and {one.resource.id}"
            f" all that is below {its.path}"
        )
    first, second = sorted((one, other), key=steps.index)
    return BadCookbook(
        "path-managed-twice",
        message,
        expected=f"only {first.resource.id} at {first.place}",
        found=f"{second.resource.id} at {second.place}",
        hint="declare it once: at every converge the two would undo each other",
        place=second.place,
    )
