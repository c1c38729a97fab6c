"""Files of a release beside its code: what outlives it, what is made for it, what nginx serves."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from toque import Command, Directory, Link, Recipe, Secret

from .layout import Layout


def complete(r: Recipe, here: Layout) -> None:
    """All three, in the order in which they need one another."""
    share(r, here)
    build(r, here)
    show(r, here)


def share(r: Recipe, here: Layout) -> None:
    """Links from the release to what the app writes and the next release finds again.

    A path that ends with a slash is a folder, which is made; a file is the app's to make.
    """
    app = r.app
    made: set[str] = set()
    for path in app.shared:
        name = path.rstrip("/")
        kept = f"{here.home}/shared/{name}"
        folders = _above(name) + ([name] if path.endswith("/") else [])
        for folder in folders:
            if folder not in made:
                made.add(folder)
                at = f"{here.home}/shared/{folder}"
                r.add(Directory(at, owner=app.user, group=app.user, mode=0o750))
        for folder in _above(name):
            at = f"{here.code}/{folder}"
            if at not in made:
                made.add(at)
                r.add(Directory(at, owner=app.deploy_user, group=app.user, mode=None))
        r.add(Link(f"{here.code}/{name}", target=kept))


def build(r: Recipe, here: Layout) -> None:
    """The app's own command that completes a release, once: as the app's user.

    It may write into the folders that it names, which nobody else has, and into no code; it sees
    no secret but those that it names.
    """
    app = r.app
    if app.build is None:
        return
    for folder in app.build.writes:
        r.add(Directory(f"{here.code}/{folder}", owner=app.user, group=app.user, mode=0o750))
    program, *arguments = app.build.command
    if "/" not in program:
        program = f"{here.venv_link}/bin/{program}"
    r.add(
        Command(
            (program, *arguments),
            name=f"build {app.name} {here.id}",
            user=app.user,
            cwd=here.code,
            env=_seen(r, here, app.build.variables),
            once=f"build {app.name} {here.id}",
            timeout_s=float(app.build_within),
            build_of=app.name,
            memory_mb=app.build_memory,
        )
    )


def _seen(r: Recipe, here: Layout, named: Sequence[str]) -> dict[str, str | Secret]:
    """The variables that anyone may see, and those of the others that are ``named``."""
    seen = {
        name: value
        for name, value in r.environment().items()
        if name in named or not isinstance(value, Secret)
    }
    return {**seen, "TOQUE_COMMIT": r.release.commit, "TOQUE_RELEASE": here.id}


def show(r: Recipe, here: Layout) -> None:
    """``.toque/code``: where nginx finds static files, whatever folder the app is in."""
    if r.app.static:
        r.add(Link(f"{here.release}/.toque/code", target=here.code))


def _above(path: str) -> list[str]:
    """The folders above a relative path, the outermost first."""
    found: list[str] = []
    while path := posixpath.dirname(path):
        found.insert(0, path)
    return found
