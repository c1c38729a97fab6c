"""Whether a step's guards let it run, asked on the node just before the step."""

import shlex
from typing import Any, Mapping, Sequence

from .errors import NotReady, StepFailed
from .model import Guard, Step
from .system import System
from .wire import decode_value

PLAIN_PATHS = ("directory", "file", "link")  # kinds whose key is the one path that they write


def holds(guard: Guard, system: System, secrets: Mapping[str, str]) -> bool:
    """Whether ``guard`` lets its step run.

    Raises ``guard-failed`` for one that cannot be asked: as ``NotReady`` when an earlier step may
    bring what it lacks (its program, user or directory), else as ``StepFailed``.
    """
    if guard.test == "fact":
        name, wanted = guard.value
        return bool(getattr(system.facts, name, system.facts.extra.get(name)) == wanted)
    if guard.test not in ("exists", "missing", "succeeds", "fails"):
        raise StepFailed("guard-failed", f"there is no guard {guard.test!r}")
    try:
        if guard.test in ("exists", "missing"):
            return (system.stat(guard.value) is not None) == (guard.test == "exists")
        return _ended_well(guard, system, secrets) == (guard.test == "succeeds")
    except StepFailed as error:
        kind = NotReady if isinstance(error, NotReady) else StepFailed
        raise kind(
            "guard-failed",
            f"the guard '{shown(guard)}' cannot be asked: {error.message}",
            expected=error.expected or "a guard that answers yes or no",
            found=error.found,
            hint=error.hint,
            log=error.log,
        ) from error


def moot(guard: Guard, undone: Sequence[Step]) -> bool:
    """Whether steps that a check has not made could change what ``guard`` answers.

    A path can be changed by steps of kinds that write just their own path, when it is the same,
    above or below, and by any step of another kind; a program's answer by all of them.
    """
    if guard.test == "fact" or not undone:
        return False
    if guard.test not in ("exists", "missing"):
        return True
    wanted = f"{guard.value.rstrip('/')}/"
    return any(
        step.kind not in PLAIN_PATHS or _related(wanted, f"{step.id[len(step.kind) + 1 :]}/")
        for step in undone
    )


def _related(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def shown(guard: Guard) -> str:
    """A guard as a person reads it: ``succeeds test -s /x``."""
    value = [guard.value] if isinstance(guard.value, str) else [str(word) for word in guard.value]
    return f"{guard.test} {shlex.join(value)}"


def _ended_well(guard: Guard, system: System, secrets: Mapping[str, str]) -> bool:
    env: Mapping[str, Any] = decode_value(dict(guard.env), secrets)
    result = system.run(
        guard.value,
        user=guard.user,
        cwd=guard.cwd,
        env={name: v if isinstance(v, str) else v.reveal() for name, v in env.items()},
        timeout_s=guard.timeout_s,
        check=False,
    )
    if result.code < 0:  # out of memory, a crash: whatever it wanted to say, it did not
        raise StepFailed(
            "command-failed",
            f"{guard.value[0]} was ended by signal {-result.code}",
            expected="an exit status",
            found=f"signal {-result.code}",
            log=result.tail(),
        )
    return result.code == 0
