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
# The longest of the others, of which pytest-xdist gives each to one process: begun late, one of
# them would be waited for at the end.
LONG = ("test_kills.py", "test_kitchen.py", "test_many_nodes.py", "test_broken_releases.py",
        "test_node_power.py", "test_up.py", "test_builds.py")  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set-up alone takes longer than the limit for a quick test.

    A limit ends what hangs: it is many times what a test takes, on a slow machine, too.
    """
    for item in items:
        if ours(item) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(900))


class Order:
    """A plugin of its own: of its hooks each module has one, and this one comes last."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The two sites one after the other, ``CLEAN`` first in each; ``LONG``; the others."""
        items.sort(key=place)


def place(item: pytest.Item) -> tuple[int, int, int]:
    name = item.path.name if ours(item) else ""
    if name in LONG:
        return 1 + LONG.index(name), 0, 0
    if name and isinstance(item, pytest.Function) and "served_site" in item.fixturenames:
        site = list(SERVERS).index(item.callspec.params["served_site"])
        return 0, site, CLEAN.index(name) if name in CLEAN else len(CLEAN)
    return (1 if name else 2) + len(LONG), 0, 0


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Order())


def ours(item: pytest.Item) -> bool:
    return item.path.is_relative_to(Path(__file__).parent)


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
