"""The steps of a deploy, in the order in which they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from toque import (
    Checkout,
    Current,
    Earlier,
    File,
    Inspection,
    Instance,
    Intact,
    Recipe,
    Releases,
    Retired,
    Unit,
    Venv,
    Workers,
)
from toque.fleet.source import token_name
from toque.node.applayout import deploy_key_path, known_hosts_path
from toque.node.inside import text_of

from .accounts import UV
from .layout import ENTRY, SYSTEM_PYTHON, Layout, earlier_releases
from .watching import watch, watcher


def fetch(r: Recipe, here: Layout) -> None:
    """The commit in a directory of its own, and its packages in an environment of their own.

    Both are built by the deploy user.  An environment belongs to a lock file's content, so a
    release with the lock of an earlier one finds its environment ready.
    """
    app = r.app
    r.add(
        Checkout(
            here.release,
            app=app.name,
            release_id=here.id,
            mirror=f"{here.home}/repo.git",
            commit=r.release.commit,
            user=app.deploy_user,
            group=app.user,
            venv=here.venv,
            socket=here.socket,
            url=r.source.url or None,
            bundle=r.source.bundle,
            key_path=deploy_key_path(app.name),
            known_hosts=known_hosts_path(app.name),
            host_keys=r.source.host_keys,
            token=r.secret(token_name(app.name)) if r.source.login else "",
            login=r.source.login or "git",
            submodules=app.submodules,
            root=app.root,
            refs=f"refs/heads/{app.branch}",
            manifest={
                "lock": sha256(r.source.lock).hexdigest(),
                "venv": here.venv.rpartition("/")[2],
                "server": app.server,
                "entry": app.entry,
                "content": r.release.content,
                "environment": dict(r.digests),
            },
            beside={f"{ENTRY}.py": text_of("serving")},
        )
    )
    if r.source.beside:
        text = r.source.beside.decode()
        r.add(File(here.requirements, content=text, group=app.deploy_user, mode=0o640))
    r.add(
        Venv(
            here.venv,
            app=app.name,
            release=here.code,
            user=app.deploy_user,
            group=app.user,
            lock="" if r.source.whole else app.lock,
            beside=here.requirements if r.source.beside else "",
            python=app.python or SYSTEM_PYTHON,
            uv=UV,
            timeout_s=float(app.build_within),
            memory_mb=app.build_memory,
            own=r.source.own,
            packed=r.source.packed,
        )
    )


def environment(r: Recipe, here: Layout, also: Mapping[str, str] | None = None) -> None:
    """The app's variables in a file that only root reads; the init system hands them over.

    ``TOQUE_COMMIT`` and ``TOQUE_RELEASE`` are added, so that the app can say what it is.
    """
    values = {
        **r.environment(),
        **(also or {}),
        "TOQUE_COMMIT": r.release.commit,
        "TOQUE_RELEASE": here.id,
    }
    content = r.env_file(f"{here.app}/{here.id}.env", values)
    r.add(File(here.environment, content=content, mode=0o600))


def serve_by(r: Recipe, here: Layout, *, settings: str, unit: str) -> None:
    """The app server's settings, and the unit that starts it.  Neither may hold a secret.

    Nothing is restarted when they change: a release with other settings is another release.
    """
    r.add(File(here.settings, content=settings, group=r.app.user, mode=0o640))
    r.add(Unit(here.unit, content=unit))


def inspect(r: Recipe, here: Layout, *, static: Sequence[str] = ()) -> None:
    """Import the app as its server will, and look at what that does: before anything is started.

    nginx has to be able to read what it serves by itself: the app's ``static``, and ``static``,
    absolute directories that a cookbook's own site adds.
    """
    app = r.app
    folders = [f"{here.code}/{folder}" for folder in app.static.values()]
    r.add(
        Inspection(
            here.release,
            app=app.name,
            entry=app.entry,
            code=here.code,
            python=f"{here.venv_link}/bin/python",
            user=app.user,
            environment_file=here.environment,
            settings=here.settings,
            current=here.current,
            shared=f"{here.home}/shared",
            host=app.host,
            server=app.server,
            interface=app.speaks,
            processes=app.processes,
            requires=app.requires,
            accepts=app.accepts,
            static=(*folders, *static),
            timeout_s=float(app.starts_within),
            beside="" if app.migrate else here.unit,  # no start before its tables are there
        )
    )


def switch(r: Recipe, here: Layout) -> None:
    """Rehearse the release beside the one that serves, then move the visitors, then tidy up.

    A release that is not gone back to is watched for a while, see ``watching.py``.
    """
    app = r.app
    watched = app.watch_for > 0 and not r.source.kept
    if watched:
        watcher(r)
    r.add(Intact(app.name, release=here.id))
    r.add(
        Instance(
            here.unit,
            socket=here.socket,
            host=app.host,
            group=app.user,
            release=here.release,
            current=here.current,
            page=app.health,
            answers=app.answers,
            timeout_s=float(app.starts_within),
        )
    )
    r.add(Workers(app.name, release=here.id))
    if count := earlier_releases(app):
        r.add(Earlier(app.name, release=here.id, count=count))
    r.add(Current(here.current, release=f"releases/{here.id}", unit=here.unit, app=app.name))
    if watched:
        watch(r, here)
    r.add(Retired(app.name, keep_unit=here.unit, drain_s=float(app.finish_within)))
    r.add(Workers(app.name, release=here.id, only=True))
    r.add(Releases(app.name, current=here.id, user=app.deploy_user, keep=app.keep))
