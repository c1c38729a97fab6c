"""Names of the units beside an app's server: its workers and its scheduled jobs.  Pure.

APP-ID-NAME-1.service        a worker, numbered from 1
APP-ID-NAME.timer            when a job is due ...
APP-ID-NAME.service          ... the job itself ...
APP-ID-NAME-due.service      ... and, for jobs that wait, a note that it is due,
APP-ID-NAME.path             which starts the job as soon as none runs
"""

import re
from typing import Optional

from .applayout import ID
from .record import dataclass

NAME = "[a-z][a-z0-9_]{0,23}"  # without dashes, so that no name is part of another


@dataclass(frozen=True)
class Part:
    """What a unit is: of which ``release``, the worker or job ``name``, and its ``kind``:
    ``worker``, ``job``, ``due`` or ``timer``."""

    unit: str
    release: str
    name: str
    kind: str


def worker_unit(app: str, release: str, name: str, number: int) -> str:
    return f"{app}-{release}-{name}-{number}.service"


def job_unit(app: str, release: str, name: str, ending: str = ".service") -> str:
    """``ending`` is ``.service``, ``.timer`` or ``-due.service``."""
    return f"{app}-{release}-{name}{ending}"


def part_of(app: str, unit: str) -> Optional[Part]:
    """What ``unit`` is to ``app``; None for its server and for units of others."""
    found = re.fullmatch(rf"{re.escape(app)}-({ID})-({NAME})(-\d+|-due)?\.(service|timer)", unit)
    if found is None:
        return None
    release, name, tail, ending = found.groups()
    if ending != "service":
        return None if tail else Part(unit, release, name, ending)
    kind = "job" if tail is None else "due" if tail == "-due" else "worker"
    return Part(unit, release, name, kind)
