"""Guards are data; a wrong one is found while the plan is written, not on the node."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import BadCookbook, nearest
from ..node.model import Facts, Guard

TESTS = {
    "exists": "an absolute path",
    "missing": "an absolute path",
    "succeeds": "an argument list",
    "fails": "an argument list",
    "fact": "[name of a fact, wanted value]",
}


def check_guards(id: str, guards: Sequence[Guard], place: str, facts: Facts) -> None:
    """Raise ``BadCookbook("bad-guard")`` for a guard of ``id`` that no node could read.

    A fact has to be one that ``facts``, those of the node, know.
    """
    for guard in guards:
        if not isinstance(guard, Guard) or guard.test not in TESTS:
            found = getattr(guard, "test", type(guard).__name__)
            raise BadCookbook(
                "bad-guard",
                f"{id} has a guard of an unknown kind",
                expected=f"Guard(test, value) with a test of {', '.join(TESTS)}",
                found=str(found),
                hint=nearest(str(found), list(TESTS)),
                place=place,
            )
        if not _fits(guard, facts):
            raise BadCookbook(
                "bad-guard",
                f"{id} has a guard '{guard.test}' that cannot be read",
                expected=TESTS[guard.test],
                found=repr(guard.value),
                place=place,
            )


def _fits(guard: Guard, facts: Facts) -> bool:
    value = guard.value
    if guard.test in ("exists", "missing"):
        return isinstance(value, str) and value.startswith("/") and "\0" not in value
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        return False
    if guard.test == "fact":
        return len(value) == 2 and value[0] in {*Facts.__dataclass_fields__, *facts.extra}
    return all(isinstance(word, str) and "\0" not in word for word in value)
