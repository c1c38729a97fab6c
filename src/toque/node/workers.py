"""The workers and schedules of an app, moved from one release to another.

A worker's rule says how: ``overlap`` starts the new ones before the old ones stop, ``gap`` after,
and ``one`` is a gap whose command also holds a lock, so that there are never two whoever starts
them.  The rule is read from the unit itself: a rollback finds that of the release it goes back to.
"""

from typing import List, Sequence, Tuple

from .applayout import UNITS
from .appunits import Part, part_of
from .contents import text_at
from .errors import StepFailed
from .evidence import cause, telling
from .inits import InitSystem, choose
from .inits.unitfile import parse
from .system import System

PROVE_S = 1.5  # a worker that cannot be imported has ended by then
POLL_S = 0.3
LOOKED_AT = frozenset({"units"})


def parts(system: System, app: str) -> List[Part]:
    """Every unit of an app's workers and jobs that is on the machine."""
    found = (part_of(app, name) for name in system.names(UNITS))
    return [part for part in found if part is not None]


def alive(system: System, app: str, release: str) -> List[str]:
    """The workers and jobs of a release that run now."""
    init = choose(system)
    units = [p.unit for p in parts(system, app) if p.release == release and p.kind != "due"]
    init.prefetch(units)
    return [unit for unit in units if init.state(unit).alive]


def started(system: System, app: str, release: str) -> bool:
    """Whether the workers of ``release`` run, and none that may not run beside them."""
    mine, others = _workers(system, app, release)
    init = choose(system)
    if others_to_stop(system, mine, others):
        return False
    return all(init.state(part.unit).alive and init.state(part.unit).enabled for part in mine)


def others_to_stop(system: System, mine: Sequence[Part], others: Sequence[Part]) -> List[Part]:
    """Those of other releases that have to end before their successors begin."""
    strict = {part.name for part in [*mine, *others] if rule_of(system, part.unit) != "overlap"}
    names = {part.name for part in mine} & strict
    return [part for part in others if part.name in names]


def rule_of(system: System, unit: str) -> str:
    text = text_at(system, f"{UNITS}/{unit}") or ""
    return parse(text).last("X-Toque", "Rule", "overlap")


def start(system: System, app: str, release: str) -> None:
    """Start the workers of ``release``, each by its rule; those that overlap stay as they are.

    Raises ``StepFailed("worker-exited")``; the workers from before then run as before.
    """
    init = choose(system)
    mine, others = _workers(system, app, release)
    before = others_to_stop(system, mine, others)
    fresh = [part for part in mine if not init.state(part.unit).alive]
    try:
        if before:
            system.progress("letting " + ", ".join(part.unit for part in before) + " finish")
            init.stop_all([part.unit for part in before])
        for part in fresh:
            _launch(system, init, part)
        _prove(system, init, fresh)
        for part in mine:
            if not init.state(part.unit).enabled:
                init.enable(part.unit, later=True)
    except BaseException:
        init.stop_all([part.unit for part in fresh])
        for part in before:
            init.launch(part.unit)
        raise
    if mine:
        init.catch_up()


def retired(system: System, app: str, release: str) -> Tuple[List[str], List[str]]:
    """Units of other releases that run or would at boot, and times of ours that do not count."""
    init = choose(system)
    all_parts = [part for part in parts(system, app) if part.kind not in ("job", "due")]
    init.prefetch([part.unit for part in all_parts])
    others = [
        part.unit
        for part in all_parts
        if part.release != release
        and (init.state(part.unit).alive or init.state(part.unit).enabled)
    ]
    due = [
        part.unit
        for part in all_parts
        if part.release == release
        and part.kind == "timer"
        and not (init.state(part.unit).alive and init.state(part.unit).enabled)
    ]
    return others, due


def retire(system: System, app: str, release: str) -> None:
    """Only the workers and schedules of ``release`` stay; jobs that run are left to end."""
    system.forget(LOOKED_AT)
    init = choose(system)
    others, due = retired(system, app, release)
    running = [unit for unit in others if init.state(unit).alive]
    enabled = [unit for unit in others if init.state(unit).enabled]
    for unit in enabled:
        init.disable(unit, later=True)
    if running:
        system.progress("letting " + ", ".join(running) + " finish")
        init.stop_all(running)
    for unit in due:
        init.enable(unit, later=True)
        init.launch(unit)
    if enabled or due:
        init.catch_up()


def bring(system: System, app: str, release: str) -> None:
    """Both halves at once: the workers and schedules of ``release`` are the only ones."""
    system.forget(LOOKED_AT)
    if not started(system, app, release):
        start(system, app, release)
    retire(system, app, release)


def _workers(system: System, app: str, release: str) -> Tuple[List[Part], List[Part]]:
    """The workers of a release, and those of others that run."""
    system.forget(LOOKED_AT)
    init = choose(system)
    every = [part for part in parts(system, app) if part.kind == "worker"]
    init.prefetch([part.unit for part in every])
    mine = [part for part in every if part.release == release]
    others = [p for p in every if p.release != release and init.state(p.unit).alive]
    return mine, others


def _prove(system: System, init: InitSystem, fresh: Sequence[Part]) -> None:
    """Look for a while whether they stay."""
    until = system.monotonic() + (PROVE_S if fresh else 0.0)
    while system.monotonic() < until:
        system.sleep(POLL_S)
        system.forget(LOOKED_AT)
        init.prefetch([part.unit for part in fresh])
        for part in fresh:
            state = init.state(part.unit)
            if state.alive and not state.restarts and state.sub not in ("auto-restart", "backoff"):
                continue
            raise _exited(init, part, f"{state.active} ({state.sub})")


def _launch(system: System, init: InitSystem, part: Part) -> None:
    system.progress(f"starting {part.unit}")
    try:
        init.launch(part.unit)
    except StepFailed as error:
        if error.code != "service-failed":
            raise
        raise _exited(init, part, error.found) from error


def _exited(init: InitSystem, part: Part, how: str) -> StepFailed:
    lines = init.log(part.unit, 60)
    return StepFailed(
        "worker-exited",
        f"the worker {part.name} ended right after its start",
        expected="a program that goes on running",
        found=cause(lines) or how,
        hint=f"journalctl -u {part.unit} -n 50" if init.name == "systemd" else "",
        log=telling(lines),
    )
