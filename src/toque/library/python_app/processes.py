"""The steps for what runs beside an app's server: workers, and jobs on a schedule.

Each release has units of its own, so that a rollback has the workers and schedules of then.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from toque import File, Processes, Recipe
from toque.fleet.app import App, Schedule, Worker
from toque.node.applayout import scale_path
from toque.node.appunits import job_unit, worker_unit
from toque.node.inits.unitfile import word

from .layout import Layout

FLOCK = "/usr/bin/flock --no-fork"  # util-linux, essential; the lock goes when its last holder does


def processes(r: Recipe, here: Layout) -> None:
    """The units of the release's workers and schedules; ``switch`` starts them."""
    app = r.app
    units: dict[str, str] = {}
    for name, worker in app.workers.items():
        for number in range(1, worker.count + 1):
            unit = worker_unit(app.name, here.id, name, number)
            units[unit] = _worker(app, here, name, worker)
    for name, schedule in app.schedules.items():
        units.update(_schedule(app, here, name, schedule))
    if r.source.scale:  # kept here, so that whoever deploys next finds it
        numbers = json.dumps(dict(sorted(r.source.scale.items())))
        r.add(File(scale_path(app.name), content=numbers + "\n"))
    if units:
        r.add(Processes(app.name, release=here.id, units=units))


def _worker(app: App, here: Layout, name: str, worker: Worker) -> str:
    lock = f"{FLOCK} {_lock(here, name)} " if worker.rule == "one" else ""
    return _text(
        ("Unit", [f"Description={app.name}, worker {name}, release {here.id}",
                  "After=network.target postgresql.service",
                  "StartLimitIntervalSec=60", "StartLimitBurst=5"]),
        # Sections that begin with X- are for other programs than systemd.
        ("X-Toque", [f"Rule={worker.rule}"]),
        ("Service", ["Type=exec", f"ExecStart={lock}{_command(here, worker.command)}",
                     *_account(app, here), "Restart=always", "RestartSec=1",
                     f"KillSignal=SIG{worker.stop_signal}", "KillMode=mixed",
                     f"TimeoutStopSec={worker.stop_within}"]),
        ("Install", ["WantedBy=multi-user.target"]),
    )  # fmt: skip


def _schedule(app: App, here: Layout, name: str, schedule: Schedule) -> dict[str, str]:
    """A timer and its job.

    systemd starts a job that became due while it ran once more right after (measured, 252): that
    is ``wait``.  With ``skip`` the timer starts something that is over at once and only asks for
    the job; asking for one that runs does nothing.
    """
    waits = schedule.while_running == "wait"
    # How often it may be due is the schedule's to say: systemd would stop at five times in 10 s.
    about = [f"Description={app.name}, job {name}, release {here.id}", "StartLimitIntervalSec=0"]
    job = job_unit(app.name, here.id, name)
    asking = job_unit(app.name, here.id, name, "-due.service")
    # A run of the release before may still go on: with skip that is reason enough to do nothing.
    busy = "" if waits else " --nonblock --conflict-exit-code 0"
    command = f"{FLOCK}{busy} {_lock(here, name)} {_command(here, schedule.command)}"
    units = {
        job: _text(
            ("Unit", about),
            ("Service", ["Type=oneshot", f"ExecStart={command}", *_account(app, here)]),
        ),
        job_unit(app.name, here.id, name, ".timer"): _text(
            ("Unit", about),
            ("Timer", [f"OnCalendar={schedule.at}", "AccuracySec=1s",
                       f"Unit={job if waits else asking}"]),
            ("Install", ["WantedBy=timers.target"]),
        ),
    }  # fmt: skip
    if not waits:
        ask = f"ExecStart=/bin/systemctl --no-block start {job}"
        units[asking] = _text(("Unit", about), ("Service", ["Type=oneshot", ask]))
    return units


def _account(app: App, here: Layout) -> list[str]:
    """As whom, where, and with what rights: those of the app's server."""
    return [
        f"User={app.user}",
        f"Group={app.user}",
        f"WorkingDirectory={here.code}",
        f"EnvironmentFile={here.environment}",
        "UMask=0007",
        "NoNewPrivileges=yes",
        "PrivateTmp=yes",
        "ProtectHome=yes",
        "ProtectSystem=strict",
        f"ReadWritePaths={here.home}/shared",
        "LimitCORE=0",
    ]


def _lock(here: Layout, name: str) -> str:
    return f"{here.home}/shared/.toque-{name}.lock"


def _command(here: Layout, command: Sequence[str]) -> str:
    program, *arguments = command
    if "/" not in program:
        program = f"{here.venv_link}/bin/{program}"
    elif not program.startswith("/"):
        program = f"{here.code}/{program}"
    return " ".join([program, *(word(argument) for argument in arguments)])


def _text(*sections: tuple[str, Sequence[str]]) -> str:
    lines = ["# Written by Toque.  Each release has units of its own."]
    for name, entries in sections:
        lines += ["", f"[{name}]", *entries]
    return "\n".join(lines) + "\n"
