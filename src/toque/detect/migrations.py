"""Migrations: the command that brings the database to the new code."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from .django import Settings
from .found import Chosen, Entry, Lock, Reason
from .procfile import Line


def find_migrate(
    paths: Sequence[str],
    entry: Entry,
    lock: Lock,
    settings: Settings | None,
    procfile: Sequence[Line] = (),
) -> Chosen | None:
    """A Procfile's ``release:`` line, else Django's, Flask-Migrate's or Alembic's own command."""
    for line in procfile:
        if line.name == "release" and not any(sign in line.command for sign in "&|;<>$`"):
            why = Reason(f"release: {line.command}", line.path, line.number)
            return Chosen(line.command, why)
    if settings is not None:
        manage = manage_of(paths)
        if manage:
            return Chosen(
                f"python {manage} migrate --noinput", Reason("Django's migrations", manage)
            )
    if "flask-migrate" in lock.packages:
        ini = _nearest(paths, "migrations/alembic.ini") or _nearest(paths, "migrations/env.py")
        if ini:
            folder = posixpath.dirname(ini)
            where = "" if folder == "migrations" else f" -d {folder}"
            command = f"flask --app {entry.target} db upgrade{where}"
            return Chosen(command, Reason("Flask-Migrate's folder", ini))
    if "alembic" in lock.packages:
        ini = _nearest(paths, "alembic.ini")
        if ini:
            where = "" if ini == "alembic.ini" else f" -c {ini}"
            return Chosen(f"alembic{where} upgrade head", Reason("Alembic's settings", ini))
    return None


def _nearest(paths: Sequence[str], name: str) -> str:
    """The path with this end that is nearest to the top, or nothing."""
    found = [p for p in paths if p == name or p.endswith(f"/{name}")]
    return min(found, key=lambda p: (p.count("/"), p)) if found else ""


def manage_of(paths: Sequence[str]) -> str:
    """Django's manage.py."""
    return _nearest(paths, "manage.py")
