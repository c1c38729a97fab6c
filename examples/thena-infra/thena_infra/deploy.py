"""Deploy: a new release is built and tried beside the old one, which serves until then."""

from toque import Recipe
from toque.library import python_app

from .attributes import Thena


def deploy(r: Recipe) -> None:
    a = r.attributes(Thena)
    here = python_app.layout(r)  # where the parts of this release are: here.code, here.socket ...

    if not r.source.kept:  # a rollback goes back to a release that has all of this
        # The commit, into a directory of its own; the packages of its lock file, with uv.
        python_app.fetch(r, here)

        # The variables, into a file that only root reads; the init system hands them over.
        python_app.environment(r, here)

        # What outlives a release, what its own command makes, what nginx shows: none here.
        python_app.complete(r, here)

        # How uWSGI serves it, and the unit that starts uWSGI: under the real user, from boot on.
        python_app.serve_by(
            r,
            here,
            settings=r.render("uwsgi.ini.j2", app=r.app, here=here, a=a),
            unit=r.render("unit.service.j2", app=r.app, here=here, a=a),
        )

        # Workers and jobs on a schedule, where toque.toml declares some.
        python_app.processes(r, here)

        # Import it as uWSGI will: what it lacks, opens or leaves running, in plain words.
        python_app.inspect(r, here)

        # `alembic upgrade head`, with the new code, before any visitor sees it.
        python_app.migrate(r, here)

    # Start it, ask it until it answers well; rename the link that nginx follows; let the old one
    # finish what it has begun, and stop it.  If any of this fails, the old release serves on.
    python_app.switch(r, here)
