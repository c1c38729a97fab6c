"""What every Python web app on a node needs, and how one of its releases replaces another.

``setup`` makes users, directories and tools, and needs nothing but the node's list of apps.
``deploy`` is a sequence that a cookbook with templates of its own writes out::

    here = python_app.layout(r)
    if not r.source.kept:                       # a rollback finds all of this in place
        python_app.fetch(r, here)
        python_app.environment(r, here)
        python_app.complete(r, here)
        python_app.serve_by(r, here, settings=r.render(...), unit=r.render(...))
        python_app.processes(r, here)
        python_app.inspect(r, here)
        python_app.migrate(r, here)
    python_app.switch(r, here)

The cookbook's own ``deploy`` does that with the templates of ``granian``, ``gunicorn``,
``uvicorn`` and ``uwsgi``.
"""

from __future__ import annotations

from toque import Cookbook, Recipe

from .accounts import PythonApp, setup
from .files import complete
from .layout import Layout, layout
from .migrations import migrate
from .processes import processes
from .steps import environment, fetch, inspect, serve_by, switch

__all__ = [
    "Layout",
    "PythonApp",
    "complete",
    "cookbook",
    "deploy",
    "environment",
    "fetch",
    "inspect",
    "layout",
    "migrate",
    "processes",
    "serve_by",
    "setup",
    "switch",
]


def deploy(r: Recipe) -> None:
    """Put a release in the place of another, served as the app's ``server`` says."""
    # They describe releases in our layout.
    from toque.library import granian, gunicorn, uvicorn, uwsgi

    servers = {"granian": granian, "gunicorn": gunicorn, "uvicorn": uvicorn, "uwsgi": uwsgi}
    server = servers[r.app.server]
    here = layout(r)
    if not r.source.kept:
        fetch(r, here)
        environment(r, here)
        complete(r, here)
        serve_by(r, here, settings=server.settings(r, here), unit=server.unit(r, here))
        processes(r, here)
        inspect(r, here)
        migrate(r, here)
    switch(r, here)


cookbook = Cookbook("python_app", attributes=PythonApp, events={"setup": setup, "deploy": deploy})
