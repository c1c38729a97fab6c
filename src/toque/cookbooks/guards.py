"""Guards are data; a wrong one is found while the plan is written, not on the node."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import BadCookbook, nearest
from ..node.formats.environment import check_env
from ..node.model import Facts, Guard
from ..node.resource import Invalid
from ..node.values import Secret

TESTS = {
    "exists": "an absolute path",
    "missing": "an absolute path",
    "succeeds": "an argument list",
    "fails": "an argument list",
    "fact": "[name of a fact, wanted value]",
}


COMMANDS = ("succeeds", "fails")


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
        fault = _setting_fault(guard)
        if fault is not None:
            raise BadCookbook(
                "bad-guard",
                f"the guard '{guard.test}' of {id} cannot have this {fault[0]}",
                expected=fault[1],
                found=repr(fault[2]),
                place=place,
            )


def _setting_fault(guard: Guard) -> tuple[str, str, object] | None:
    """What is wrong with who runs an argument list, and where: field, what it takes, what it is."""
    if not isinstance(guard.cwd, str) or not guard.cwd.startswith("/"):
        return "cwd", "an absolute path", guard.cwd
    if guard.user is not None and not (isinstance(guard.user, str) and guard.user):
        return "user", "the name of a user", guard.user
    if not isinstance(guard.timeout_s, (int, float)) or not guard.timeout_s > 0:
        return "timeout_s", "a number of seconds above 0", guard.timeout_s
    for name, value in guard.env.items():
        try:
            check_env(name, value.reveal() if isinstance(value, Secret) else value)
        except Invalid as error:
            return "env", error.expected, error.found
        except TypeError:
            return "env", "texts or secrets", f"{name} as a {type(value).__name__}"
    plain = Guard(guard.test, guard.value)
    if guard.test not in COMMANDS and guard != plain:
        return "user, cwd, env or timeout_s", "none of them: nothing is run", guard.test
    return None


def _fits(guard: Guard, facts: Facts) -> bool:
    value = guard.value
    if guard.test in ("exists", "missing"):
        return isinstance(value, str) and value.startswith("/") and "\0" not in value
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        return False
    if guard.test == "fact":
        return len(value) == 2 and value[0] in {*Facts.__dataclass_fields__, *facts.extra}
    return all(isinstance(word, str) and "\0" not in word for word in value)
