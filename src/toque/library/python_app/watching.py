"""The time after a switch: who watches the release, and for how long."""

from __future__ import annotations

from toque import Recipe, Unit, Watched
from toque.node.agent import PROGRAM
from toque.node.applayout import watch_unit

from .layout import Layout


def watcher(r: Recipe) -> None:
    """The unit that watches after a switch.  The same for each deploy; it is started by none."""
    text = (
        "# Written by Toque (cookbook python_app).  Runs for a while after each deploy.\n\n"
        "[Unit]\n"
        f"Description=watches {r.app.name} after a deploy\n\n"
        "[Service]\n"
        f"ExecStart={PROGRAM} watch {r.app.name}\n"
        "Restart=on-failure\n"
        "RestartSec=1\n"
    )
    r.add(Unit(watch_unit(r.app.name), content=text))


def watch(r: Recipe, here: Layout) -> None:
    """Keep the release before warm, and have it back when this one turns out worse."""
    app = r.app
    r.add(
        Watched(
            app.name,
            release=here.id,
            log=f"/var/log/nginx/{app.name}.access.log",
            user=app.deploy_user,
            window_s=float(app.watch_for),
            drain_s=float(app.finish_within),
            keep=app.keep,
        )
    )
