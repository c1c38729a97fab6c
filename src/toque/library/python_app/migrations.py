"""The step of a deploy that brings the database to what the new code needs."""

from __future__ import annotations

from toque import Migration, Recipe

from .layout import Layout


def migrate(r: Recipe, here: Layout) -> None:
    """The app's own command, once for each release: new code, real user, real environment.

    What is pending is judged first, and refused when the release that serves could not live with
    it.  Of the nodes that share a database, the first runs it.
    """
    app = r.app
    if not app.migrate:
        return
    program, *arguments = app.migrate
    if "/" not in program:
        program = f"{here.venv_link}/bin/{program}"
    r.add(
        Migration(
            app.name,
            release=here.id,
            commit=r.release.commit,
            argv=(program, *arguments),
            user=app.user,
            cwd=here.code,
            python=f"{here.venv_link}/bin/python",
            environment_file=here.environment,
            current=here.current,
            variable=app.database.variable if app.database else "DATABASE_URL",
            by=r.source.by,
            runs=r.source.migrates,
            allow_unsafe=r.source.allow_unsafe_migration or app.migrations.unsafe == "allow",
            lock_timeout_s=app.migrations.lock_timeout,
            statement_timeout_s=app.migrations.statement_timeout,
            waits_s=app.migrations.waits,
            timeout_s=app.migrations.within,
        )
    )
