"""The database server, and a role and a database for each app that declares one."""

from __future__ import annotations

from dataclasses import dataclass

from toque import Cookbook, File, Package, PostgresDatabase, PostgresRole, Recipe, Service
from toque.errors import BadCookbook
from toque.fleet.environment import password_name

# The version that each Debian and Ubuntu release ships: it is part of the paths.
VERSIONS = {"bullseye": "13", "bookworm": "15", "trixie": "17", "jammy": "14", "noble": "16"}


@dataclass(frozen=True)
class Postgresql:
    """``listen`` is ``listen_addresses``: empty for the socket only, which is enough for apps on
    the same machine and offers nothing to the network.  ``version`` empty means Debian's own."""

    version: str = ""
    port: int = 5432
    listen: str = ""


def setup(r: Recipe) -> None:
    """Install, configure and start the server, then make what the node's apps need."""
    r.include(server)
    for app in r.apps:
        database = app.database
        if database is None or database.host:  # none, or on a machine that is not ours to manage
            continue
        role = database.role or app.name
        port = r.attributes(Postgresql).port
        r.add(PostgresRole(role, password=r.secret(password_name(app)), port=port))
        r.add(PostgresDatabase(database.name, owner=role, port=port))


def server(r: Recipe) -> None:
    """The server alone."""
    a = r.attributes(Postgresql)
    version = a.version or debian_version(r.facts.codename)
    service = Service("postgresql", running=True, enabled=True)
    r.add(Package(f"postgresql-{version}"))
    r.add(
        File(
            f"/etc/postgresql/{version}/main/conf.d/toque.conf",
            content=r.render("toque.conf.j2", a=a),
        ),
        notify=service.restart,  # neither setting can be changed by a reload
    )
    r.add(service)


def debian_version(codename: str) -> str:
    """The version that a release of Debian or Ubuntu ships."""
    if codename in VERSIONS:
        return VERSIONS[codename]
    raise BadCookbook(
        "postgresql-version-unknown",
        f"the cookbook does not know which PostgreSQL '{codename}' ships",
        expected=f"one of {', '.join(VERSIONS)}",
        found=codename or "no codename",
        hint='say it: [stack.attributes.postgresql] version = "17"',
    )


cookbook = Cookbook("postgresql", attributes=Postgresql, events={"setup": setup})
