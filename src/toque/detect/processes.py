"""Processes beside the web server: a Procfile's, and those of libraries seen in the code."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from .found import Lock, Process, Reason
from .imports import import_root, module_name
from .procfile import Line
from .source import Module, argument, assigned, literal, top_statements

_WHOLE = ("uv", "poetry", "pipenv", "pylock")
_SCHEDULES = ("beat", "clock", "cron", "scheduler", "schedule")


def find_processes(
    modules: Sequence[Module], paths: Sequence[str], lock: Lock, procfile: Sequence[Line]
) -> tuple[tuple[Process, ...], tuple[Reason, ...]]:
    """Workers and schedules.  A Procfile with any says all; else the code is looked at."""
    declared = tuple(
        Process(
            line.name,
            "schedule" if _is_schedule(line) else "worker",
            line.command,
            Reason(f"{line.name}: {line.command}", line.path, line.number),
        )
        for line in procfile
        if line.name not in ("web", "release")
    )
    if declared:
        return declared, ()
    found: dict[str, Process] = {}
    notes: list[Reason] = []
    for module in modules:
        where = module_name(module.path, import_root(module, paths))
        for statement in top_statements(module.body):
            names, value = assigned(statement)
            if not names or not isinstance(value, ast.Call):
                continue
            origin, line = module.calls(value), statement.lineno
            if origin.startswith("apscheduler.") and origin.endswith("Scheduler"):
                words = "APScheduler runs in every process of the web server: each job that often"
                notes.append(Reason(words, module.path, line))
            elif origin in ("celery.Celery", "celery.app.Celery"):
                _celery(found, module, where, line)
            elif one := _queue(module, value, f"{where}.{names[0]}", line):
                found.setdefault(one.name, one)
    for process in [p for p in found.values() if _left_out(p, lock)]:
        del found[process.name]
        words = f"{process.why.words}, but {process.package} is not in the lock: not started"
        notes.append(replace(process.why, words=words))
    return tuple(found.values()), tuple(notes)


def _left_out(process: Process, lock: Lock) -> bool:
    """Whether the lock, which is known to be whole, lacks what would run: an extra nobody asks for.

    A list of direct requirements says nothing of what those bring.
    """
    return lock.kind in _WHOLE and process.package not in lock.packages


def _queue(module: Module, made: ast.Call, target: str, line: int) -> Process | None:
    """The worker of a queue that the code makes."""
    origin = module.calls(made)
    if origin.startswith("huey.") and origin.endswith("Huey"):
        why = Reason("a Huey queue", module.path, line)
        return Process("huey", "worker", f"huey_consumer {target}", why)
    if origin == "rq.Queue":
        queue = literal(argument(made, "name", 0)) or "default"
        why = Reason("an RQ queue", module.path, line)
        return Process("rq", "worker", f"rq worker {queue}", why)
    return None


def _celery(found: dict[str, Process], module: Module, where: str, line: int) -> None:
    """A worker; and, where the code names a schedule for it, a beat."""
    why = Reason("a Celery app", module.path, line)
    found.setdefault("celery", Process("celery", "worker", f"celery -A {where} worker", why))
    for node in ast.walk(module.body):
        named = isinstance(node, ast.Attribute) and node.attr == "beat_schedule"
        given = isinstance(node, ast.Call) and argument(node, "beat_schedule") is not None
        if (named or given) and isinstance(node, ast.expr):
            why = Reason("beat_schedule is set", module.path, node.lineno)
            command = f"celery -A {where} beat -s /tmp/celerybeat-schedule"
            found.setdefault("beat", Process("beat", "schedule", command, why))
            return


def _is_schedule(line: Line) -> bool:
    return line.name in _SCHEDULES or " beat" in line.command
