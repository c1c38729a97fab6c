"""Set-up: everything that a deploy takes for granted.  Safe to run again at any time."""

from toque import Recipe
from toque.library import nginx, postgresql, python_app, uwsgi

from .attributes import Thena


def configure(r: Recipe) -> None:
    a = r.attributes(Thena)

    # The cookbooks of the library do what is the same everywhere.  Each is a page long: read them.
    r.include(postgresql.setup)  # the server; a role and a database for each app that wants one
    r.include(python_app.setup)  # git and uv; two users and the directories of each app
    r.include(uwsgi.setup)  # Debian's uWSGI
    r.include(nginx.install)  # nginx, without Debian's welcome page

    for app in r.apps:
        site = r.render("site.conf.j2", app=app, a=a, port=nginx.port(r), files=nginx.files(app))
        nginx.site(r, app, site)

    r.include(nginx.run)  # last: it is reloaded once if anything above has changed
