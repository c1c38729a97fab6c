"""The table of drivers: built in, installed as plugins, broken, and gone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from toque.errors import AskedWrongly, Failed
from toque.kitchen import api
from toque.kitchen.drivers import AUTOMATIC, BUILT_IN
from toque.kitchen.machine import Machine, Spec
from toque.kitchen.state import Record

GOOD = """
class Cloud:
    name = "cloud"
    def __init__(self, store, environ):
        self.store = store
    def probe(self):
        from toque.kitchen.machine import Verdict
        return Verdict(self.name, True, f"a plugin, {self.store.state.name}")
"""


@pytest.fixture
def kitchen(tmp_path: Path) -> api.Kitchen:
    return api.Kitchen.from_environment({"TOQUE_KITCHEN_DIR": str(tmp_path / "state")})


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Installs a distribution: its name, its entry point, the text of its module."""

    def install(name: str, point: str, text: str) -> None:
        site = tmp_path / "site"
        metadata = site / f"{name}-1.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (metadata / "entry_points.txt").write_text(f"[toque.drivers]\n{point}\n")
        module = point.partition("= ")[2].partition(":")[0]
        (site / f"{module}.py").write_text(text)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def a_record(kitchen: api.Kitchen, name: str, driver: str) -> None:
    root = kitchen.store.folder(name) / "root"
    machine = Machine(name, driver, "bookworm", "::1", 22, root / "k", "key", root, {}, "", "i")
    kitchen.store.write(Record(Spec(name, driver), machine, ready=True))


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_built_in_driver_is_made_under_its_name(kitchen: api.Kitchen, name: str):
    assert kitchen.drivers.named(name).name == name


def test_a_plugin_is_named_chosen_when_asked_for_and_never_by_auto(
    kitchen: api.Kitchen, install: Callable[..., None]
):
    install("cloudy", "cloud = cloudy_driver:Cloud", GOOD)

    assert kitchen.drivers.names() == (*BUILT_IN, "cloud")
    assert api.verdicts(kitchen)[-1].reason == "a plugin, state"
    assert "cloud" not in kitchen.drivers.automatic


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named"),
        ("Cloud = 1", "TypeError: 'int' object is not callable"),
        ("", "AttributeError: module"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_does_not_work_and_says_why(
    kitchen: api.Kitchen, install: Callable[..., None], text: str, reason: str
):
    install("broken", "cloud = broken_driver:Cloud", text)

    verdict = api.verdicts(kitchen)[-1]
    assert (verdict.driver, verdict.works) == ("cloud", False)
    assert verdict.reason.startswith(reason)
    with pytest.raises(Failed) as error:
        api.create(kitchen, "a", driver="cloud")
    assert error.value.code == "kitchen-no-driver"
    with pytest.raises(Failed) as error:
        kitchen.drivers.named("cloud")
    assert error.value.code == "kitchen-driver-broken"


@pytest.mark.parametrize("name", ["auto", *BUILT_IN])
def test_a_plugin_with_a_built_in_name_is_refused(
    kitchen: api.Kitchen, install: Callable[..., None], name: str
):
    install("thief", f"{name} = thief_driver:Cloud", GOOD)

    with pytest.raises(AskedWrongly) as error:
        api.verdicts(kitchen)

    assert error.value.code == "kitchen-driver-name-taken"
    assert error.value.trouble.hint == "pip uninstall thief"
    if name != "auto":  # and does not take its place
        assert type(kitchen.drivers.named(name)).__module__.startswith("toque.")


def test_two_plugins_of_one_name_are_refused(kitchen: api.Kitchen, install: Callable[..., None]):
    install("first", "cloud = first_driver:Cloud", GOOD)
    install("second", "cloud = second_driver:Cloud", GOOD)

    with pytest.raises(AskedWrongly) as error:
        kitchen.drivers.names()

    assert error.value.code == "kitchen-driver-name-taken"


def test_a_machine_whose_driver_was_uninstalled_is_listed_and_says_so(kitchen: api.Kitchen):
    a_record(kitchen, "orphan", "cloud")

    assert [seen.state for seen in api.all_machines(kitchen)] == ["no-driver"]
    for work in (api.start, api.destroy, api.console):
        with pytest.raises(AskedWrongly) as error:
            work(kitchen, "orphan")
        assert error.value.code == "kitchen-driver-gone"
        assert error.value.trouble.found == "cloud"


def test_listing_machines_imports_their_drivers_only(kitchen: api.Kitchen):
    a_record(kitchen, "a", "chroot")
    script = (
        "import os, sys\nfrom toque.kitchen import api\n"
        "api.all_machines(api.Kitchen.from_environment(os.environ))\n"
        "print(*[m for m in sys.modules if m.startswith('toque.kitchen.drivers.')])\n"
        "print('importlib.metadata' in sys.modules)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"TOQUE_KITCHEN_DIR": str(kitchen.store.state)},
        capture_output=True,
        text=True,
    )

    assert done.stdout == "toque.kitchen.drivers.chroot\nFalse\n", done.stderr


def test_auto_asks_no_driver_that_has_to_be_asked_for():
    assert not set(AUTOMATIC) & {"memory", "host", "ec2", "qemu"}
