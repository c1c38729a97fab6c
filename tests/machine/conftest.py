"""Machines for the tests: one site per driver and test run, bare machines where one is needed.

The kitchen is the tests' own, so no user's machine is touched; images are the host's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from little_memory import limited
from machine_site import Site, slot
from toque.kitchen import api

# The init systems and the app servers, each once: systemd with uWSGI and the example's cookbook,
# supervisor with gunicorn and the library's.
SERVERS = {"nspawn": "uwsgi", "chroot": "gunicorn"}
FIRST = {"nspawn": "setup", "chroot": "up"}  # both end with the apps serving: R11 and R12
SMALL = 1 << 30  # bytes: the smallest machine that is rented out everywhere (R65)
# Files that look at a site as its first command left it, and for everything that holds a secret.
CLEAN = ("test_setup.py", "test_secrets.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set-up alone takes longer than the limit for a quick test.

    A limit ends what hangs: it is many times what a test takes, on a slow machine, too.
    """
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(900))
    items.sort(
        key=lambda item: CLEAN.index(item.path.name) if item.path.name in CLEAN else len(CLEAN)
    )


@pytest.fixture(scope="session")
def kitchen_folder() -> Iterator[Path]:
    """TOQUE_KITCHEN_DIR of this test run; empty again afterwards."""
    with slot() as folder:
        yield folder


@pytest.fixture(scope="session", params=["nspawn", "chroot"])
def served_site(
    request: pytest.FixtureRequest,
    kitchen_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """A machine, brought to serving by one command.  Tests take ``site``."""
    driver = request.param
    directory = tmp_path_factory.mktemp(driver) / "project"
    site = Site.make(kitchen_folder, directory, driver, SERVERS[driver], f"site-{driver}")
    try:
        with limited(site.kitchen, site.machine, SMALL) as site.memory:
            site.first = site.json(FIRST[driver])["nodes"][0]
            site.first_served = site.served()
        yield site
    finally:
        api.destroy(site.kitchen, site.machine.name)


@pytest.fixture
def site(served_site: Site) -> Iterator[Site]:
    """The site of the driver.  The clone and toque.toml are as before when the test is over.

    What is served is whatever the tests before left: deploy what you look at.
    """
    head, project = served_site.head, served_site.project.read_text()
    yield served_site
    served_site.space.git("reset", "-q", "--hard", head)
    served_site.space.git("clean", "-fdxq")
    served_site.project.write_text(project)


@pytest.fixture
def bare(
    kitchen_folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Site]]:
    """Makes a site whose machine is as it came: ``bare("nspawn", server="uwsgi")``."""
    made: list[Site] = []

    def make(driver: str, server: str = "") -> Site:
        name = f"bare-{len(made)}-{driver}"
        server = server or SERVERS[driver]
        made.append(Site.make(kitchen_folder, tmp_path / name, driver, server, name))
        return made[-1]

    yield make
    for site in made:
        api.destroy(site.kitchen, site.machine.name)
