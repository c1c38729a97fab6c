"""Set-up: the tools, and for each app its two users and its directories."""

from __future__ import annotations

from dataclasses import dataclass

from toque import Directory, File, Package, Recipe, User
from toque.fleet.app import App

UV = "/usr/local/lib/toque/uv"


@dataclass(frozen=True)
class PythonApp:
    """``packages`` is what every deploy uses; an app's own libraries come as wheels."""

    packages: tuple[str, ...] = ("ca-certificates", "git", "iproute2", "openssh-client", "python3")


def setup(r: Recipe) -> None:
    """Everything a deploy takes for granted.  It changes nothing of what is deployed."""
    a = r.attributes(PythonApp)
    wanted = (*a.packages, *(package for app in r.apps for package in app.packages))
    r.add(Package(*dict.fromkeys((*wanted, *parts_of_python(r.facts.python)))))
    for path in ("/usr/local/lib/toque", "/srv/www", "/etc/toque", "/etc/toque/apps"):
        r.add(Directory(path, parents=True))
    r.add(File(UV, content=r.uv, mode=0o755))
    for app in r.apps:
        account(r, app)


def parts_of_python(version: str) -> tuple[str, ...]:
    """What uv asks of an older Python and Debian packages apart: distutils, before 3.10.

    ``version`` is as in the node's facts, ``3.9.2``; empty when it is not known.
    """
    number = tuple(int(part) for part in version.split(".")[:2] if part)
    return ("python3-distutils",) if () < number < (3, 10) else ()


def account(r: Recipe, app: App) -> None:
    """One user runs the app, another fetches and builds it: the app cannot write its own code."""
    r.add(User(app.user, system=True, home=f"{app.home}/shared", comment=f"{app.name}, runs it"))
    r.add(User(app.deploy_user, system=True, home=app.home, comment=f"{app.name}, builds it"))
    r.add(Directory(app.home))
    r.add(Directory(f"{app.home}/releases"))
    r.add(Directory(f"{app.home}/venvs"))
    # The only place where the app may write, kept from release to release: uploads go here.
    r.add(Directory(f"{app.home}/shared", owner=app.user, group=app.user, mode=0o750))
    r.add(Directory(f"/etc/toque/apps/{app.name}"))
