"""The driver ``host``, on a throwaway machine that plays the one that exists already."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from toque.errors import AskedWrongly, Failed, ToqueError
from toque.kitchen import api
from toque.kitchen.contract import DriverContract
from toque.kitchen.contract.promises import LONGEST
from toque.kitchen.drivers import host_mark
from toque.kitchen.machine import Machine

pytestmark = [pytest.mark.machine, pytest.mark.timeout(900)]


@dataclass
class Bench:
    """An existing machine, by its own kitchen, and two kitchens that may try things on it."""

    own: api.Kitchen
    existing: Machine
    kitchen: api.Kitchen
    other: api.Kitchen

    def create(self, kitchen: api.Kitchen, name: str = "suite", **more: str) -> Machine:
        return api.create(
            kitchen, name, driver="host", options={**options_of(self.existing), **more}
        )

    def refused(self, kitchen: api.Kitchen, **more: str) -> ToqueError:
        """Why a machine cannot be had there; nothing of it is kept here."""
        with pytest.raises(ToqueError) as caught:
            self.create(kitchen, "refused", **more)
        assert not kitchen.store.folder("refused").exists()
        return caught.value

    def inside(self, *argv: str) -> str:
        done = api.execute(self.own, self.existing.name, argv)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()


def options_of(machine: Machine) -> dict[str, str]:
    return {"address": machine.address, "key": str(machine.key), "host_key": machine.host_key}


def need_nspawn(kitchen: api.Kitchen) -> None:
    verdict = kitchen.drivers.verdict("nspawn")
    if not verdict.works:
        pytest.skip(f"no machine to play the existing one: nspawn: {verdict.reason}")


def kitchen_at(folder: Path) -> api.Kitchen:
    return api.Kitchen.from_environment({**os.environ, "TOQUE_KITCHEN_DIR": str(folder)})


@pytest.fixture(scope="module")
def existing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[api.Kitchen, Machine]]:
    own = kitchen_at(tmp_path_factory.mktemp("own") / "state")
    need_nspawn(own)
    try:
        yield own, api.create(own, "existing", driver="nspawn")
    finally:
        api.destroy(own, "existing")


@pytest.fixture
def bench(existing: tuple[api.Kitchen, Machine], tmp_path: Path) -> Iterator[Bench]:
    made = Bench(*existing, kitchen_at(tmp_path / "one/state"), kitchen_at(tmp_path / "two/state"))
    yield made
    api.destroy(made.kitchen, "suite")
    made.inside("rm", "-rf", host_mark.MARK, host_mark.STATE)
    assert not (tmp_path / "one/state").exists()


def test_an_existing_machine_is_taken_used_and_left_as_it_was(bench: Bench):
    bench.inside("mkdir", "/srv/theirs")

    machine = bench.create(bench.kitchen)

    assert (machine.address, machine.release) == (bench.existing.address, "bookworm")
    done = api.execute(bench.kitchen, "suite", ["sh", "-c", "cat; id -un; exit 3"], b"in, ")
    assert (done.returncode, done.stdout) == (3, b"in, root\n")
    assert api.execute(bench.kitchen, "suite", ["sh", "-c", "exit 255"]).returncode == 255
    assert "systemd" in api.console(bench.kitchen, "suite", 500)
    assert [seen.state for seen in api.all_machines(bench.kitchen)] == ["running"]
    assert bench.create(bench.kitchen) == machine
    assert api.destroy(bench.kitchen, "suite")
    assert bench.inside("sh", "-c", f"ls -d /srv/theirs {host_mark.MARK} 2>&1; true") == (
        f"ls: cannot access '{host_mark.MARK}': No such file or directory\n/srv/theirs"
    )


def test_a_reboot_is_one(bench: Bench):
    bench.create(bench.kitchen)
    before = bench.inside("cat", "/proc/sys/kernel/random/boot_id")

    api.reboot(bench.kitchen, "suite")

    now = api.execute(bench.kitchen, "suite", ["cat", "/proc/sys/kernel/random/boot_id"])
    assert now.returncode == 0
    assert now.stdout.decode().strip() != before


def test_a_user_who_may_become_root_is_enough(bench: Bench):
    """sudo itself is played, by one that gives no rights: the throwaway image has none."""
    script = (
        "useradd --create-home helper\nmkdir -p ~helper/.ssh\n"
        "cp /root/.ssh/authorized_keys ~helper/.ssh\nchown -R helper ~helper/.ssh\n"
        'printf \'#!/bin/sh\\necho "$USER" >/tmp/asked\\nshift 2\\nexec "$@"\\n\' >/usr/bin/sudo\n'
        "chmod 755 /usr/bin/sudo\n"
        "chmod 1777 /var/lib\n"
    )
    bench.inside("sh", "-c", script)

    bench.create(bench.kitchen, user="helper")

    assert bench.inside("cat", "/tmp/asked") == "helper"


@pytest.mark.parametrize(
    "do",
    [
        lambda kitchen: api.power_cut(kitchen, "suite"),
        lambda kitchen: api.stop(kitchen, "suite"),
        lambda kitchen: api.snapshot(kitchen, "suite", "kept"),
    ],
)
def test_what_would_harm_it_is_refused(bench: Bench, do):
    bench.create(bench.kitchen)

    with pytest.raises(AskedWrongly) as caught:
        do(bench.kitchen)

    assert caught.value.code == "kitchen-driver-cannot"
    assert api.running(bench.kitchen, "suite")


def test_a_machine_that_another_suite_has_is_refused_until_it_is_given_back(bench: Bench):
    bench.create(bench.kitchen)

    for kitchen in (bench.other, bench.kitchen):
        error = bench.refused(kitchen)
        assert error.code == "kitchen-host-taken"
        assert '"machine": "suite"' in error.trouble.found

    api.destroy(bench.kitchen, "suite")
    bench.create(bench.other)
    api.destroy(bench.other, "suite")


def test_a_machine_where_toque_has_been_is_a_node(bench: Bench):
    bench.inside("mkdir", "-p", host_mark.STATE)

    assert bench.refused(bench.kitchen).code == "kitchen-host-is-node"
    assert bench.inside("sh", "-c", f"test ! -e {host_mark.MARK}; echo $?") == "0"


def test_what_a_suite_left_of_toque_does_not_make_it_a_node(bench: Bench):
    bench.create(bench.kitchen)
    bench.inside("mkdir", "-p", host_mark.STATE)
    api.destroy(bench.kitchen, "suite")

    bench.create(bench.other)

    api.destroy(bench.other, "suite")


@pytest.mark.parametrize("address", ["{0}", "root@{0}", "root@{0}:22"])
def test_a_node_of_the_project_is_refused_before_it_is_asked(
    bench: Bench, tmp_path: Path, address: str
):
    file = tmp_path / "toque.toml"
    where = address.format(bench.existing.address)
    file.write_text(
        '[stack]\nname = "site"\n\n[layers.web]\nsetup = []\n\n'
        f'[nodes.web1]\naddress = "{where}"\nlayer = "web"\n'
    )

    error = bench.refused(bench.kitchen, project=str(file))

    assert error.code == "kitchen-host-is-node"
    assert "web1" in error.trouble.message
    assert bench.inside("sh", "-c", f"test ! -e {host_mark.MARK}; echo $?") == "0"


def test_another_host_key_than_the_pinned_one_is_no_way_in(bench: Bench):
    key_type, blob = bench.existing.host_key.split()

    error = bench.refused(bench.kitchen, host_key=f"{key_type} {blob[:-8]}AAAAAAAA")

    assert isinstance(error, Failed)
    assert error.code == "kitchen-no-entry"
    assert bench.inside("sh", "-c", f"test ! -e {host_mark.MARK}; echo $?") == "0"


def test_what_a_kill_before_the_mark_or_after_it_left_is_cleared_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    """A record that is half made, with the mark on the machine or without."""

    class Killed(BaseException):
        pass

    def killed(*args: object, **options: object) -> None:
        raise Killed

    driver = bench.kitchen.drivers.named("host")
    for cut in ("_take", "_done"):
        with monkeypatch.context() as patch:
            if cut == "_take":
                patch.setattr(type(driver), "_take", killed)
            else:
                patch.setattr("toque.kitchen.drivers.host.replace", killed)
            with pytest.raises(Killed):
                bench.create(bench.kitchen)
        assert [seen.state for seen in api.all_machines(bench.kitchen)] == ["half-made"]

    assert bench.refused(bench.other).code == "kitchen-host-taken"
    bench.create(bench.kitchen)


class TestHost(DriverContract):
    """The promises of every driver, each machine on one that exists already."""

    driver = "host"
    lacks = frozenset({"stop", "power-cut", "snapshots"})
    existing: ClassVar[dict[str, Machine]]

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def existing_machines(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        own = kitchen_at(tmp_path_factory.mktemp("own") / "state")
        need_nspawn(own)
        try:
            cls.existing = {name: api.create(own, name) for name in ("one", LONGEST)}
            yield
        finally:
            for name in own.store.names():
                api.destroy(own, name)

    @classmethod
    def options(cls, name: str) -> dict[str, str]:
        return options_of(cls.existing.get(name) or cls.existing["one"])
