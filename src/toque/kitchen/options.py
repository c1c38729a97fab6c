"""The options of a machine that only its driver knows, checked against what the driver takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import AskedWrongly, nearest
from .machine import Spec


def taken(spec: Spec, required: Sequence[str], optional: Sequence[str]) -> Mapping[str, str]:
    """The options of ``spec``, all of them known and none of the required missing or empty.

    Raises ``AskedWrongly``: ``kitchen-unknown-option``, ``kitchen-bad-option``.
    """
    known = (*required, *optional)
    for key in spec.options:
        if key not in known:
            raise AskedWrongly(
                "kitchen-unknown-option",
                f"driver {spec.driver} knows no option '{key}'",
                expected=", ".join(known),
                found=key,
                hint=nearest(key, known),
            )
    for key in required:
        if not spec.options.get(key):
            raise wrong(spec, key, "a text", "nothing")
    return spec.options


def wrong(spec: Spec, key: str, expected: str, found: str) -> AskedWrongly:
    """The error for an option of another form than its driver takes."""
    return AskedWrongly(
        "kitchen-bad-option",
        f"machine {spec.name}: option '{key}' of driver {spec.driver} has the wrong value",
        expected=expected,
        found=found,
    )
