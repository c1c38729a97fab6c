"""Jobs of the machine on a schedule, as timers of systemd; those of an app stand in its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from toque import Cookbook, Guard, Recipe, Timer, Unit
from toque.node.inits.unitfile import word

SYSTEMD = Guard("fact", ["init", "systemd"])  # the timer itself refuses where it does not run
SYSTEMCTL = "/bin/systemctl"


@dataclass(frozen=True)
class Job:
    """``command`` is an argument list whose program is named by its whole path, and ``at`` a
    calendar event of systemd.time(7) in the machine's time zone.

    ``limit_s`` ends a run that takes longer.  No two runs of a job are ever beside each other:
    what comes due meanwhile is left out with ``while_running`` ``skip`` and runs right after with
    ``wait``.  ``catch_up`` runs a job soon after a boot that came too late for it; ``spread_s``
    puts each run off by up to so many seconds, so that many machines do not ask at once.
    """

    command: tuple[str, ...]
    at: str
    user: str = "root"
    cwd: str = "/"
    limit_s: int = 3600
    while_running: Literal["skip", "wait"] = "skip"
    catch_up: bool = False
    spread_s: int = 0


@dataclass(frozen=True)
class Timers:
    """``jobs`` by name; the units of one are ``toque-job-NAME``.

    ``removed`` are names of jobs that were here before: what is only left out stays.
    """

    jobs: Mapping[str, Job] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


def setup(r: Recipe) -> None:
    """A timer for each job, started now and at boot."""
    a = r.attributes(Timers)
    for name in a.removed:
        if name not in a.jobs:
            r.add(Timer(f"toque-job-{name}", absent=True))
            r.add(Unit(f"toque-job-{name}-run.service", absent=True))
    for name, job in a.jobs.items():
        add_job(r, name, job)


def add_job(r: Recipe, name: str, job: Job) -> None:
    """The units of one job.

    systemd starts a job that came due while it ran once more right after: that is ``wait``.  With
    ``skip`` the timer starts something that is over at once and only asks for the job; asking for
    one that runs does nothing.
    """
    command, user, cwd, limit_s = job.command, job.user, job.cwd, job.limit_s
    runs = f"toque-job-{name}-run.service"
    if job.while_running == "wait":
        r.add(Unit(runs, absent=True))
    else:
        exec_start = " ".join([job.command[0], *map(word, job.command[1:])])
        text = r.render("job.service.j2", name=name, job=job, exec_start=exec_start)
        r.add(Unit(runs, text), when=SYSTEMD)
        command, user, cwd, limit_s = (SYSTEMCTL, "--no-block", "start", runs), "root", "/", 60
    r.add(
        Timer(
            f"toque-job-{name}",
            job.at,
            command,
            user=user,
            cwd=cwd,
            timeout_s=limit_s,
            persistent=job.catch_up,
            spread_s=job.spread_s,
        )
    )


cookbook = Cookbook("timer", attributes=Timers, events={"setup": setup})
