"""A unit that was started to be tried, and has not proved itself yet.

A file in /run says so from before its start until it has.  So a run that is killed meanwhile does
not leave a unit that the next one takes for proved because it happens to answer; and the start can
come before the step that tries it, while other things are looked at.
"""

import json
from typing import Optional, Tuple

from .errors import StepFailed
from .inits import InitSystem
from .system import System

PATIENCE_S = 2.0  # for its end: visitors have none of its requests, and one may hang
LINES = 120  # of its log: more than a failing start writes


def begin(system: System, init: InitSystem, unit: str) -> Tuple[str, ...]:
    """Start ``unit`` anew; its log as it was before.  Raises ``StepFailed("service-failed")``."""
    before = tuple(init.log(unit, LINES))
    system.write(_path(unit), json.dumps(before).encode("ascii"), mode=0o600)
    if init.state(unit).alive:
        init.stop(unit)  # not a restart: its init counts its own from here
    init.launch(unit)
    return before


def begun(system: System, unit: str) -> Optional[Tuple[str, ...]]:
    """What ``begin`` gave, when ``unit`` has not proved itself since."""
    try:
        return tuple(str(line) for line in json.loads(system.read(_path(unit))))
    except FileNotFoundError:
        return None
    except ValueError:  # never whole, as after a power cut
        return ()


def end(system: System, unit: str) -> None:
    """It has proved itself."""
    system.remove(_path(unit))


def give_up(system: System, init: InitSystem, unit: str) -> None:
    """It has not: no broken unit lingers beside the one that serves."""
    try:
        init.discard(unit, PATIENCE_S)
    except StepFailed as error:
        system.note(f"{unit} could not be stopped: {error.message}")
    system.remove(_path(unit))


def _path(unit: str) -> str:
    return f"/run/toque-rehearsal-{unit}"
