"""Records, locks and what a kill leaves behind, without a machine."""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from toque.errors import AskedWrongly, Failed
from toque.kitchen import api
from toque.kitchen.cgroups import hierarchies
from toque.kitchen.choose import choose
from toque.kitchen.driver import Progress
from toque.kitchen.drivers import Drivers
from toque.kitchen.drivers.chroot import Chroot
from toque.kitchen.machine import Machine, Spec, Verdict
from toque.kitchen.process import until
from toque.kitchen.state import Record, Store, checked, locked


def a_machine(store: Store, name: str) -> Machine:
    root = store.folder(name) / "root"
    return Machine(
        name, "fake", "bookworm", "127.0.0.1", 22, root / "k", "ssh-ed25519 A", root, {}, "", "i"
    )


@dataclass
class Fake:
    """A driver that remembers what was asked of it."""

    store: Store
    name: str = "fake"
    works: bool = True
    calls: list[str] = field(default_factory=list)

    def probe(self) -> Verdict:
        return Verdict(self.name, self.works, "because")

    def create(self, spec: Spec, progress: Progress) -> Machine:
        self.calls.append(f"create {spec.name}")
        machine = a_machine(self.store, spec.name)
        self.store.write(Record(spec, machine, ready=True))
        return machine

    def start(self, machine: Machine) -> None:
        self.calls.append(f"start {machine.name}")

    def destroy(self, machine: Machine) -> None:
        self.calls.append(f"destroy {machine.name}")
        self.store.remove_folder(machine.name)
        self.sweep()

    def sweep(self) -> None:
        self.store.remove_debris()

    def running(self, machine: Machine) -> bool:
        return True

    stop = reboot = kill = start

    def exec(
        self, machine: Machine, argv: Sequence[str], stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(argv, 0, stdin, b"")

    def shell(self, machine: Machine, argv: Sequence[str] = ()) -> int:
        return 0

    def console(self, machine: Machine, lines: int = 100) -> str:
        return ""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state", tmp_path / "cache")


def test_a_record_comes_back_as_it_was_written(store: Store):
    spec = Spec("a", "fake", packages=("git",), options={"region": "eu-central-1"})
    record = Record(spec, a_machine(store, "a"), ready=False)

    store.write(record)

    assert store.read("a") == record
    assert store.state.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a/b", "..", "a" * 41, "a.b"])
def test_a_name_that_is_no_host_name_is_refused(name: str):
    with pytest.raises(AskedWrongly) as error:
        checked(name)

    assert error.value.code == "kitchen-bad-name"


def test_a_record_that_is_not_json_is_an_error_with_the_way_out(store: Store):
    store.folder("a").mkdir(parents=True)
    (store.folder("a") / "record.json").write_text("{")

    with pytest.raises(Failed) as error:
        store.read("a")

    assert error.value.code == "kitchen-record-unreadable"


def test_a_finished_machine_is_started_not_made_again(store: Store):
    fake = Fake(store)
    kitchen = api.Kitchen(store, Drivers.of(fake))

    first = api.create(kitchen, "a")
    second = api.create(kitchen, "a")

    assert first == second
    assert fake.calls == ["create a", "start a"]


def test_a_half_made_machine_is_cleared_away_and_made_anew(store: Store):
    fake = Fake(store)
    store.write(Record(Spec("a", "fake"), a_machine(store, "a"), ready=False))

    api.create(api.Kitchen(store, Drivers.of(fake)), "a")

    assert fake.calls == ["destroy a", "create a"]


def test_a_record_from_before_there_were_options_is_read(store: Store):
    store.write(Record(Spec("a", "fake"), a_machine(store, "a"), ready=True))
    file = store.folder("a") / "record.json"
    value = json.loads(file.read_text())
    del value["spec"]["options"]
    file.write_text(json.dumps(value))

    record = store.read("a")

    assert record
    assert record.spec == Spec("a", "fake")


def test_options_reach_the_driver_and_others_are_another_kind(store: Store):
    kitchen = api.Kitchen(store, Drivers.of(Fake(store)))
    api.create(kitchen, "a", options={"address": "one"})
    record = store.read("a")

    with pytest.raises(AskedWrongly) as error:
        api.create(kitchen, "a", options={"address": "two"})

    assert record
    assert record.spec == Spec("a", "fake", options={"address": "one"})
    assert error.value.code == "kitchen-machine-differs"
    assert "address one" in error.value.trouble.found


def test_another_kind_under_a_taken_name_is_refused(store: Store):
    kitchen = api.Kitchen(store, Drivers.of(Fake(store)))
    api.create(kitchen, "a")

    with pytest.raises(AskedWrongly) as error:
        api.create(kitchen, "a", release="trixie")

    assert error.value.code == "kitchen-machine-differs"


def test_destroy_without_a_record_removes_debris_and_says_false(store: Store):
    (store.folder("a") / "keys").mkdir(parents=True)

    assert api.destroy(api.Kitchen(store, Drivers.of(Fake(store))), "a") is False
    assert not store.state.exists()


def test_after_the_last_machine_the_state_folder_is_gone(store: Store):
    kitchen = api.Kitchen(store, Drivers.of(Fake(store)))
    api.create(kitchen, "a")

    assert api.destroy(kitchen, "a") is True
    assert not store.state.exists()


def test_an_unknown_machine_is_an_error_that_lists_those_that_exist(store: Store):
    kitchen = api.Kitchen(store, Drivers.of(Fake(store)))
    api.create(kitchen, "a")

    with pytest.raises(AskedWrongly) as error:
        api.find(kitchen, "b")

    assert error.value.code == "kitchen-no-machine"
    assert "a" in error.value.trouble.expected


def test_auto_takes_the_first_that_works_and_tells_why_not_the_others(store: Store):
    no, yes = Fake(store, "no", works=False), Fake(store, "yes")

    chosen, verdicts = choose("auto", Drivers.of(no, yes))

    assert chosen is yes
    assert verdicts == [Verdict("no", False, "because"), Verdict("yes", True, "because")]


def test_when_none_works_every_reason_is_told(store: Store):
    drivers = Drivers.of(Fake(store, "one", works=False), Fake(store, "two", works=False))

    with pytest.raises(Failed) as error:
        choose("auto", drivers)

    assert error.value.code == "kitchen-no-driver"
    assert error.value.trouble.found == "one: because; two: because"


def test_an_unknown_driver_names_the_nearest(store: Store):
    with pytest.raises(AskedWrongly) as error:
        choose("nspwan", Drivers.of(Fake(store, "nspawn")))

    assert "nspawn" in error.value.trouble.hint


def test_a_lock_is_exclusive_and_its_file_does_not_stay(tmp_path: Path):
    place = tmp_path / "locks/a"

    with locked(place, 1.0):
        with pytest.raises(Failed) as error, locked(place, 0.05):
            pass
        assert error.value.code == "kitchen-busy"

    assert not place.exists()


def test_files_are_removed_while_others_hold_the_lock_of_all_and_the_record_goes_last(
    store: Store,
):
    machine = a_machine(store, "a")
    store.write(Record(Spec("a", "fake"), machine, ready=True))
    (machine.root / "etc").mkdir(parents=True)
    destroying = threading.Thread(target=Chroot(store, {}).destroy, args=[machine])

    with store.lock("network"):
        destroying.start()
        assert until(lambda: not machine.root.exists(), 20.0)
        assert store.read("a")
    destroying.join()

    assert store.names() == []


def test_what_fails_under_a_lock_leaves_no_folder(store: Store):
    with pytest.raises(ValueError, match="failed"), store.lock("a"):
        raise ValueError("failed")

    assert not store.state.exists()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path):
    place = tmp_path / "a"
    holder = (
        "import os, pathlib, sys\n"
        "from toque.kitchen.state import locked\n"
        "with locked(pathlib.Path(sys.argv[1]), 5.0):\n"
        "    os.kill(os.getpid(), 9)\n"
    )

    done = subprocess.run([sys.executable, "-c", holder, str(place)])

    assert done.returncode == -9
    assert place.exists()
    with locked(place, 1.0):
        assert place.exists()
    assert not place.exists()


def test_hierarchies_of_a_host_with_both_versions_are_found():
    mountinfo = (
        "30 25 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
        "31 30 0:27 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
        "32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
        "33 30 0:29 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
        "34 30 0:30 / /sys/fs/cgroup/a\\040b rw - cgroup2 cgroup2 rw\n"
    )

    assert [str(path) for path in hierarchies(mountinfo)] == [
        "/sys/fs/cgroup/cpu",
        "/sys/fs/cgroup/systemd",
        "/sys/fs/cgroup/a b",
    ]
