"""The promises of a driver, each a test; ``DriverContract`` is subclassed, see ``__init__.py``.

One machine is made and used by most of them, so they run in their order.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from ...errors import AskedWrongly, Failed
from .. import api
from ..machine import Machine
from .traces import traces

LONGEST = "m" + "-longest" * 4 + "-one-40"  # as long as a name may be

GREETED = """
import socket, sys
print(socket.create_connection((sys.argv[1], int(sys.argv[2]))).recv(4))
"""

# Makes a machine and dies, as by SIGKILL: after its record was written, at the n-th program that
# is started then, or just before the record says that the machine is finished.
LAST = 1000
KILLED = """
import json, os, sys
from toque.kitchen import api
from toque.kitchen.state import Store
driver, name, left, options = *sys.argv[1:3], int(sys.argv[3]), json.loads(sys.argv[4])
write, recorded = Store.write, False
def cut(store, record):
    global recorded
    if record.ready:
        os._exit(9)
    write(store, record)
    recorded = True
    if left == 0:
        os._exit(9)
def count(event, details):
    global left
    if recorded and event == "subprocess.Popen":
        left -= 1
        if left == 0:
            os._exit(9)
Store.write = cut
sys.addaudithook(count)
api.create(api.Kitchen.from_environment(os.environ), name, driver=driver, options=options)
"""


@dataclass(frozen=True)
class Bench:
    """A kitchen of the tests' own, and the environment that leads another process to it."""

    kitchen: api.Kitchen
    environ: dict[str, str]
    folder: Path
    driver: str
    lacks: frozenset[str]
    options: Callable[[str], Mapping[str, str]]

    def create(self, name: str, kitchen: api.Kitchen | None = None) -> Machine:
        options = self.options(name)
        return api.create(kitchen or self.kitchen, name, driver=self.driver, options=options)

    def create_killed(self, name: str, step: int) -> None:
        options = json.dumps(self.options(name))
        done = subprocess.run(
            [sys.executable, "-c", KILLED, self.driver, name, str(step), options],
            env=self.environ,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 9, done.stderr

    def need(self, ability: str) -> None:
        if ability in self.lacks:
            pytest.skip(f"driver {self.driver} has no {ability}, and says so")

    def run(self, machine: Machine, *argv: str) -> str:
        done = api.execute(self.kitchen, machine.name, argv)
        assert done.returncode == 0, (argv, done.stdout, done.stderr)
        return done.stdout.decode().strip()

    def ssh(
        self, machine: Machine, *argv: str, host_key: str = ""
    ) -> subprocess.CompletedProcess[str]:
        known = self.folder / "known_hosts"
        at = machine.address
        where = at if machine.ssh_port == 22 else f"[{at}]:{machine.ssh_port}"
        known.write_text(f"{where} {host_key or machine.host_key}\n")
        options = ["-F", "none", "-i", str(machine.key), "-p", str(machine.ssh_port)]
        for option in ("BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes"):
            options += ["-o", option]
        options += ["-o", f"UserKnownHostsFile={known}", f"{machine.user}@{at}"]
        return subprocess.run(["ssh", *options, *argv], capture_output=True, text=True)


@pytest.mark.timeout(300)
class DriverContract:
    """Subclass it as ``Test...`` with the driver's name.

    ``lacks`` names what the driver cannot do at all; where that is something somebody can ask for
    (stop, power-cut, snapshots), it has to refuse with ``kitchen-driver-cannot``:

    ``boot-id``     the machine runs on this host's kernel and does not tell its boots apart
    ``stop``        it cannot be stopped, as nobody could start it again
    ``power-cut``   it cannot be cut off
    ``snapshots``   its files cannot be kept
    ``console``     nobody sees what its init prints
    ``processes``   nothing really runs in it: no SSH, no packages, no shell
    ``programs``    it needs no program of this host
    ``neighbours``  machines do not reach each other under the addresses that this host uses
    """

    driver: ClassVar[str]
    lacks: ClassVar[frozenset[str]] = frozenset()

    @pytest.fixture(scope="class")
    @classmethod
    def bench(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
        folder = tmp_path_factory.mktemp("kitchen")
        environ = {**os.environ, **cls.environ(), "TOQUE_KITCHEN_DIR": str(folder / "state")}
        kitchen = api.Kitchen.from_environment(environ)
        verdict = kitchen.drivers.verdict(cls.driver)
        if not verdict.works:
            pytest.skip(f"driver {cls.driver} does not work here: {verdict.reason}")
        bench = Bench(kitchen, environ, folder, cls.driver, cls.lacks, cls.options)
        try:
            yield bench
        finally:
            for name in kitchen.store.names():
                api.destroy(kitchen, name)
        assert traces(kitchen.store) == []

    @classmethod
    def environ(cls) -> dict[str, str]:
        """What the driver is told by the environment, beyond this process's own."""
        return {}

    @classmethod
    def options(cls, name: str) -> Mapping[str, str]:
        """What the driver has to be told of the machine of that name."""
        return {}

    @pytest.fixture
    def machine(self, bench: Bench) -> Machine:
        """The machine that most tests use; started when a test before left it stopped."""
        return bench.create("one")

    def test_probe_says_why_and_leaves_nothing(self, bench: Bench) -> None:
        verdict = bench.kitchen.drivers.verdict(bench.driver)

        assert verdict.driver == bench.driver
        assert verdict.works
        assert verdict.reason
        assert "\n" not in verdict.reason
        assert traces(bench.kitchen.store) == []

    def test_without_its_programs_it_does_not_work_and_says_which_is_missing(
        self, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench.need("programs")
        monkeypatch.setenv("PATH", str(tmp_path))

        verdict = bench.kitchen.drivers.verdict(bench.driver)

        assert not verdict.works
        assert "not installed" in verdict.reason
        with pytest.raises(Failed) as error:
            bench.create("none")
        assert error.value.code == "kitchen-no-driver"
        assert verdict.reason in error.value.trouble.found
        assert traces(bench.kitchen.store) == []

    def test_another_kitchen_object_finds_it(self, bench: Bench, machine: Machine) -> None:
        other = api.Kitchen.from_environment(bench.environ)

        assert machine.driver == bench.driver
        assert api.find(other, "one") == machine
        assert bench.create("one", other) == machine
        assert [(s.machine.name, s.state) for s in api.all_machines(other)] == [("one", "running")]
        assert api.execute(other, "one", ["cat", "/etc/hostname"]).stdout == b"one\n"

    def test_root_logs_in_by_ssh_under_the_pinned_host_key(
        self, bench: Bench, machine: Machine
    ) -> None:
        bench.need("processes")

        done = bench.ssh(machine, "id", "-u")
        assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr
        assert machine.key.stat().st_mode & 0o777 == 0o600
        pinned = machine.host_key.split()[1]
        other = f"ssh-ed25519 {pinned[:-6]}{'A' if pinned[-6] != 'A' else 'B'}{pinned[-5:]}"
        refused = bench.ssh(machine, "id", host_key=other)
        assert refused.returncode == 255
        assert "ost key verification failed" in refused.stderr

    def test_programs_get_bytes_and_return_bytes_and_their_status(
        self, bench: Bench, machine: Machine
    ) -> None:
        every = bytes(range(256)) * 4096

        done = api.execute(bench.kitchen, "one", ["cat"], every)
        assert (done.returncode, done.stdout == every, done.stderr) == (0, True, b"")
        bench.need("processes")
        done = api.execute(bench.kitchen, "one", ["sh", "-c", "echo o; echo e >&2; exit 7"])
        assert (done.returncode, done.stdout, done.stderr) == (7, b"o\n", b"e\n")
        done = api.execute(bench.kitchen, "one", ["printf", "%s|", "a b", "*", "$HOME", ""])
        assert done.stdout == b"a b|*|$HOME||"
        assert api.execute(bench.kitchen, "one", ["no-such-program"]).returncode == 127
        assert bench.run(machine, "sh", "-c", "echo $HOME; id -u").split() == ["/root", "0"]

    def test_a_reboot_is_another_boot(self, bench: Bench, machine: Machine) -> None:
        bench.need("processes")
        mark = ["sh", "-c", "echo kept >/root/kept; echo lost >/run/lost"]
        boot_id = ["sh", "-c", "cat /proc/sys/kernel/random/boot_id 2>/dev/null || true"]
        bench.run(machine, *mark)
        before = bench.run(machine, *boot_id)

        api.reboot(bench.kitchen, "one")

        assert bench.ssh(machine, "cat", "/root/kept").stdout == "kept\n"
        assert bench.run(machine, "test", "!", "-e", "/run/lost") == ""
        if "boot-id" not in bench.lacks:
            after = bench.run(machine, *boot_id)
            assert before != after
            assert "" not in (before, after)

    def test_start_and_stop_may_be_repeated(self, bench: Bench, machine: Machine) -> None:
        api.start(bench.kitchen, "one")
        assert api.running(bench.kitchen, "one")
        if "stop" in bench.lacks:
            with pytest.raises(AskedWrongly) as error:
                api.stop(bench.kitchen, "one")
            assert error.value.code == "kitchen-driver-cannot"
            assert api.running(bench.kitchen, "one")
            return
        for _ in range(2):
            api.stop(bench.kitchen, "one")
            assert not api.running(bench.kitchen, "one")
        assert [seen.state for seen in api.all_machines(bench.kitchen)] == ["stopped"]
        for _ in range(2):
            api.start(bench.kitchen, "one")
            assert api.running(bench.kitchen, "one")
        assert api.find(bench.kitchen, "one") == machine

    def test_a_power_cut_ends_everything_and_loses_nothing_that_was_synced(
        self, bench: Bench, machine: Machine
    ) -> None:
        if "power-cut" in bench.lacks:
            with pytest.raises(AskedWrongly) as error:
                api.power_cut(bench.kitchen, "one")
            assert error.value.code == "kitchen-driver-cannot"
            assert api.running(bench.kitchen, "one")
            return
        if "processes" not in bench.lacks:
            bench.run(machine, "sh", "-c", "nohup sleep 4321 >/dev/null 2>&1 &")
            bench.run(machine, "sh", "-c", "echo synced >/root/s; sync")

        for _ in range(2):
            api.power_cut(bench.kitchen, "one")
            assert not api.running(bench.kitchen, "one")

        api.start(bench.kitchen, "one")
        bench.need("processes")
        assert bench.ssh(machine, "cat", "/root/s").stdout == "synced\n"
        find = ["sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"]
        assert "sleep 4321" not in bench.run(machine, *find)

    def test_the_console_shows_what_its_init_printed(self, bench: Bench, machine: Machine) -> None:
        if "console" in bench.lacks:
            assert api.console(bench.kitchen, "one") == ""
            return

        shown = api.console(bench.kitchen, "one")
        assert shown.strip()
        assert len(api.console(bench.kitchen, "one", 2).splitlines()) <= 2

    def test_a_snapshot_is_what_its_files_were(self, bench: Bench, machine: Machine) -> None:
        if "snapshots" in bench.lacks:
            assert api.snapshots(bench.kitchen, "one") == []
            with pytest.raises(AskedWrongly) as error:
                api.snapshot(bench.kitchen, "one", "first")
            assert error.value.code == "kitchen-driver-cannot"
            assert api.running(bench.kitchen, "one")
            return
        api.execute(bench.kitchen, "one", ["tee", "/srv/kept"], b"first")
        api.snapshot(bench.kitchen, "one", "first")
        assert api.running(bench.kitchen, "one")
        api.execute(bench.kitchen, "one", ["tee", "/srv/kept", "/srv/new"], b"second")

        api.restore(bench.kitchen, "one", "first")

        assert api.running(bench.kitchen, "one")
        assert api.snapshots(bench.kitchen, "one") == ["first"]
        assert api.execute(bench.kitchen, "one", ["cat", "/srv/kept"]).stdout == b"first"
        assert api.execute(bench.kitchen, "one", ["cat", "/srv/new"]).returncode == 1

    def test_machines_reach_each_other_and_share_nothing(
        self, bench: Bench, machine: Machine
    ) -> None:
        """The other one has the longest name that there may be."""
        other = bench.create(LONGEST)

        assert (other.address, other.ssh_port) != (machine.address, machine.ssh_port)
        assert other.host_key != machine.host_key
        api.execute(bench.kitchen, "one", ["tee", "/srv/only-here"], b"x")
        only = api.execute(bench.kitchen, LONGEST, ["cat", "/srv/only-here"])
        assert (only.returncode, only.stdout) == (1, b"")
        if "processes" not in bench.lacks:
            for path in ("/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub"):
                assert bench.run(machine, "cat", path) != bench.run(other, "cat", path)
            if "neighbours" not in bench.lacks:
                at = (other.address, str(other.ssh_port))
                assert bench.run(machine, "python3", "-c", GREETED, *at) == "b'SSH-'"
        assert api.destroy(bench.kitchen, LONGEST)
        assert [seen.machine.name for seen in api.all_machines(bench.kitchen)] == ["one"]
        assert api.running(bench.kitchen, "one")

    def test_a_name_that_is_too_long_makes_nothing(self, bench: Bench) -> None:
        before = bench.kitchen.store.names()

        with pytest.raises(AskedWrongly) as error:
            bench.create(f"{LONGEST}x")

        assert error.value.code == "kitchen-bad-name"
        assert bench.kitchen.store.names() == before

    def test_packages_can_be_installed(self, bench: Bench, machine: Machine) -> None:
        bench.need("processes")
        bench.run(machine, "apt-get", "update", "-qq")
        bench.run(machine, "apt-get", "install", "-y", "-qq", "tree")

        assert bench.run(machine, "tree", "--version").startswith("tree")

    def test_destroy_may_be_repeated(self, bench: Bench, machine: Machine) -> None:
        driver = bench.kitchen.driver(machine)

        assert api.destroy(bench.kitchen, "one") is True
        assert api.destroy(bench.kitchen, "one") is False
        driver.destroy(machine)
        assert traces(bench.kitchen.store) == []
        assert not bench.kitchen.store.state.exists()

    @pytest.mark.parametrize("step", [0, 2, 5])
    def test_what_a_killed_creation_left_is_destroyed_whole(self, bench: Bench, step: int) -> None:
        bench.create_killed("cut", step)
        assert [seen.state for seen in api.all_machines(bench.kitchen)] == ["half-made"]

        assert api.destroy(bench.kitchen, "cut") is True
        assert traces(bench.kitchen.store) == []

    def test_a_machine_without_a_record_is_swept_away(self, bench: Bench) -> None:
        bench.create_killed("lost", LAST)
        machine = api.find(bench.kitchen, "lost")
        (machine.folder / "record.json").unlink()

        bench.kitchen.driver(machine).sweep()

        assert not machine.folder.exists()
        assert api.destroy(bench.kitchen, "lost") is False
        assert traces(bench.kitchen.store) == []
