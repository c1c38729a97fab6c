"""Where the parts of one release are.  Names only; what they are for is in ``steps``."""

from __future__ import annotations

from dataclasses import dataclass

from toque import Recipe
from toque.fleet.app import App
from toque.node.applayout import env_path, socket_path, unit_name
from toque.node.resources.venv import venv_key

SYSTEM_PYTHON = "/usr/bin/python3"
ENTRY = "toque_entry"  # the module in .toque that a server loads: node/inside/serving.py
SETTINGS_SUFFIX = {"uwsgi": "ini", "gunicorn": "py", "uvicorn": "py", "granian": "py"}
MOST_EARLIER = 4


def earlier_releases(app: App) -> int:
    """In how many releases before the one that serves nginx looks for a static file."""
    return min(app.keep - 1, MOST_EARLIER) if app.static else 0


@dataclass(frozen=True)
class Layout:
    """Paths of one release, absolute.

    ``code`` is what the app is run from: the release, or the folder ``root`` in it.  ``venv`` is
    empty in a rollback, which builds none; ``venv_link`` always leads to it.  ``entry`` is what the
    server loads, from the folder ``beside``: the app with our answer to its failures around it.
    """

    app: str
    id: str
    home: str
    release: str
    code: str
    beside: str
    entry: str
    venv: str
    venv_link: str
    socket: str
    runtime: str
    unit: str
    environment: str
    settings: str
    requirements: str
    current: str


def layout(r: Recipe) -> Layout:
    """The layout of the release that is being deployed."""
    app, release = r.app, r.release
    path = f"{app.home}/releases/{release.id}"
    inner = "" if app.root == "." else f"/{app.root.strip('/')}"
    socket = socket_path(app.name, release.id)
    minor = ".".join((app.python or r.facts.python).split(".")[:2])
    key = "" if r.source.kept else venv_key(r.source.lock, minor)
    return Layout(
        app=app.name,
        id=release.id,
        home=app.home,
        release=path,
        code=path + inner,
        beside=f"{path}/.toque",
        entry=f"{ENTRY}:app",
        venv=f"{app.home}/venvs/{key}" if key else "",
        venv_link=f"{path}/.toque/venv",
        socket=socket,
        runtime=socket.split("/")[2],
        unit=unit_name(app.name, release.id),
        environment=env_path(app.name, release.id),
        settings=f"/etc/toque/apps/{app.name}/{release.id}.{SETTINGS_SUFFIX[app.server]}",
        requirements=f"/etc/toque/apps/{app.name}/{release.id}.requirements.txt",
        current=f"{app.home}/current",
    )
