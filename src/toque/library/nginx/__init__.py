"""The web server: installed, told little, and given a site per app.

A cookbook with templates of its own calls the parts in this order::

    r.include(nginx.install)
    nginx.site(r, app, r.render("site.conf.j2", ...))
    r.include(nginx.run)

A layer that names the cookbook gets the same with the site of ``templates/site.conf.j2`` for each
app.  ``nginx.run`` comes last because it answers for all that changed before: one reload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toque import Cookbook, File, Link, Package, Recipe, Service, User, WebAddress
from toque.cookbooks.templates import render
from toque.fleet.app import App
from toque.library.python_app.layout import earlier_releases

TEST = ("nginx", "-t", "-q")  # looks at the whole configuration; a file it refuses is put back
SERVICE = Service("nginx", running=True, enabled=True)


@dataclass(frozen=True)
class Nginx:
    """``package`` is Debian's smallest build that has all we use.  Sizes as nginx writes them.

    Without ``port`` it is 80, or on a kitchen machine the one that was given to it.
    """

    package: str = "nginx-light"
    port: int | None = None
    largest_body: str = "10m"
    answer_within_s: int = 75  # more than an app server's own limit, so that its message wins
    log_days: int = 14
    log_size: str = "100M"


def install(r: Recipe) -> None:
    """The package, without the page that Debian shows, and what all sites share.

    First of all it is looked that no other site and no other program is in their place.

    nginx works as ``www-data``, which joins the group of each app to reach its socket.
    """
    a = r.attributes(Nginx)
    names = tuple(domain for app in r.apps for domain in app.domains)
    r.add(WebAddress(port(r), names=names, ours=tuple(app.name for app in r.apps)))
    r.add(Package(a.package))
    if r.apps:
        groups = tuple(app.user for app in r.apps)
        r.add(User("www-data", groups=groups), notify=SERVICE.reload)
    r.add(Link("/etc/nginx/sites-enabled/default", absent=True), notify=SERVICE.reload)
    r.add(
        File("/etc/nginx/conf.d/toque.conf", content=shared_text(r), check=TEST),
        notify=SERVICE.reload,
    )
    r.add(Package("logrotate"))
    r.add(File("/etc/logrotate.d/nginx", content=r.render("logrotate.j2", a=a)))


def shared_text(r: Recipe) -> str:
    """What all sites share.  Names of no site are refused, unless an app answers to any."""
    strangers = bool(r.apps) and all(app.domains for app in r.apps)
    return r.render("shared.conf.j2", port=port(r), strangers=strangers)


def port(r: Recipe) -> int:
    """Where sites listen.  Kitchen machines that share this host's network have a free port."""
    given = r.attributes(Nginx).port
    ports: Mapping[str, int] = r.facts.extra.get("ports", {})
    return given if given is not None else ports.get("http", 80)


def site(r: Recipe, app: App, text: str) -> None:
    """Serve ``app`` as ``text`` says.  A file in sites-enabled is on as soon as it is there."""
    r.add(
        File(f"/etc/nginx/sites-enabled/{app.name}", content=text, check=TEST),
        notify=SERVICE.reload,
    )


def run(r: Recipe) -> None:
    """Started, started at boot, and reloaded when something above changed."""
    r.add(SERVICE)


def setup(r: Recipe) -> None:
    """All of it, with our own template for each app's site."""
    r.include(install)
    for app in r.apps:
        site(r, app, site_text(r, app))
    r.include(run)


def site_text(r: Recipe, app: App) -> str:
    """The site of ``app`` by ``templates/site.conf.j2``."""
    balancers = r.balancers(app)
    values = {
        "app": app,
        "a": r.attributes(Nginx),
        "port": port(r),
        "files": files(app),
        "balancers": balancers,
        "scheme": f"$toque_{app.name.replace('-', '_')}_scheme" if balancers else "$scheme",
    }
    return render(cookbook.root, "site.conf.j2", values)


def in_any(folder: str, folders: Sequence[str]) -> bool:
    return any(f"{folder}/".startswith(one) for one in folders)


def files(app: App) -> str:
    """What nginx serves of ``app`` by itself, for its site: static files and uploads.

    A folder that is ``shared`` holds uploads; it is no release's.
    """
    shared = tuple(f"{path.rstrip('/')}/" for path in app.shared)
    every = [(path.replace(".", "[.]"), folder) for path, folder in app.static.items()]
    values = {
        "app": app,
        "earlier": range(1, earlier_releases(app) + 1),
        "static": [one for one in every if not in_any(one[1], shared)],
        "uploads": [one for one in every if in_any(one[1], shared)],
    }
    return render(cookbook.root, "files.conf.j2", values)


cookbook = Cookbook("nginx", attributes=Nginx, events={"setup": setup})
