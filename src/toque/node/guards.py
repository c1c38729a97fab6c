"""Conditions of steps, read on the node just before the step."""

from .errors import StepFailed
from .model import Guard
from .system import System


def holds(guard: Guard, system: System) -> bool:
    """Whether a guard lets its step run.  Raises ``StepFailed("guard-failed")``."""
    if guard.test == "exists":
        return system.stat(guard.value) is not None
    if guard.test == "missing":
        return system.stat(guard.value) is None
    if guard.test == "fact":
        name, wanted = guard.value
        return bool(getattr(system.facts, name, system.facts.extra.get(name)) == wanted)
    if guard.test in ("succeeds", "fails"):
        ended = system.run(guard.value, check=False).code == 0
        return ended == (guard.test == "succeeds")
    raise StepFailed("guard-failed", f"there is no guard {guard.test!r}")
