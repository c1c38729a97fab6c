"""A new machine begins where another one had come to; nothing but time may tell it apart."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kitchen_suites import Suites
from machine_site import kitchen_in, require
from toque.kitchen import api
from toque.kitchen.layercache import LayerCache

pytestmark = pytest.mark.timeout(900)

RECIPE = '''\
"""A file, a package, and a file."""

from toque import Cookbook, File, Package, Recipe


def setup(r: Recipe) -> None:
    r.add(File("/etc/before", content="one\\n"))
    r.add(Package("tree"))
    r.add(File("/etc/after", content="one\\n"))


cookbook = Cookbook("hello", events={"setup": setup})
'''
CHECK = """
def test_all_there(machine):
    assert machine.package("tree")
    assert machine.file("/etc/before").text
"""
# What a package costs is worth a layer here, however fast it is installed.
KEEPING = """
import sys
from toque.cli import main
from toque.usecases import layered
layered.WORTH_S = 0.0
main(sys.argv[1:])
"""
MACHINE = "hello-alone"


class Layered(Suites):
    """Suites whose layers are kept in a cache of their own, beside the host's images."""

    def __init__(self, parent: Path, kitchen_folder: Path) -> None:
        super().__init__(parent, kitchen_folder, 'driver = "nspawn"\n[suites.alone]\n')
        shared, own = self.kitchen.store.cache, parent / "cache"
        own.mkdir()
        for name in ("images", "apt"):
            (shared / name).mkdir(parents=True, exist_ok=True)
            (own / name).symlink_to(shared / name)
        self.environ["TOQUE_CACHE_DIR"] = str(own)
        self.kitchen = api.Kitchen.from_environment(self.environ)
        self.recipe = next(self.folder.glob("src/*/__init__.py"))
        self.recipe.write_text(RECIPE)
        self.check.write_text(CHECK)

    def keeping(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", KEEPING, "kitchen", *words],
            cwd=self.folder, env=dict(self.environ), capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def read(self, path: str) -> str:
        return self.run("exec", "alone", "--", "cat", path).stdout

    @property
    def layers(self) -> LayerCache:
        return LayerCache(self.kitchen.store)


@pytest.fixture
def here(kitchen_folder: Path, tmp_path: Path) -> Iterator[Layered]:
    require(kitchen_in(kitchen_folder), "nspawn")
    suites = Layered(tmp_path, kitchen_folder)
    yield suites
    api.destroy(suites.kitchen, MACHINE)


def test_a_changed_line_is_run_from_its_step_on(here: Layered) -> None:
    here.keeping("converge")
    (key,) = here.layers.keys()
    first = (here.read("/etc/machine-id"), api.find(here.kitchen, MACHINE).host_key)
    assert here.read("/etc/hostname").strip() == MACHINE
    assert oct(here.layers.folder.stat().st_mode & 0o777) == "0o700"
    here.run("destroy")

    # After the package: the layer serves, and what differs is made on top of it.
    here.recipe.write_text(RECIPE.replace('after", content="one', 'after", content="two'))
    told = here.run("test", "--keep").stdout
    assert "begins with 2 of 3 steps made" in told
    assert (here.read("/etc/before"), here.read("/etc/after")) == ("one\n", "two\n")
    second = (here.read("/etc/machine-id"), api.find(here.kitchen, MACHINE).host_key)
    assert len({*first, *second}) == 4
    assert here.layers.prune(0) == []  # a machine stands on it
    here.run("destroy")

    # Before it: nothing of the layer may be there.
    here.recipe.write_text(RECIPE.replace('before", content="one', 'before", content="two'))
    assert "begins with" not in here.run("converge").stdout
    assert here.read("/etc/before") == "two\n"
    here.run("destroy")

    here.recipe.write_text(RECIPE)
    assert "begins with" not in here.run("converge", "--cold").stdout
    assert key in here.layers.prune(0)
    assert list(here.layers.folder.glob("*")) == []


def test_a_layer_that_leads_out_of_the_machine_is_refused(here: Layered, tmp_path: Path) -> None:
    """A program in a machine can make any link; the kitchen writes below it as this host's root."""
    here.keeping("converge")
    (key,) = here.layers.keys()
    tree = here.layers.folder / key / "tree"
    here.run("destroy")
    outside = tmp_path / "outside"
    outside.mkdir()
    home = tree / "root" / ".ssh"
    subprocess.run(["rm", "-rf", str(home)], check=True)
    home.symlink_to(outside)

    error = here.told("converge", status=5)["error"]

    assert error["code"] == "kitchen-odd-files"
    assert list(outside.iterdir()) == []
