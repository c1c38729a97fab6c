"""Real throwaway machines of both drivers: made, used, cut off, and gone without a trace.

The tests have a kitchen of their own (its own bridge, cgroups and names) and the host's image
cache.  R15: a suite that checks nothing has not passed.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kitchen_traces import traces
from machine_site import PATIENCE_S
from toque.errors import AskedWrongly, Failed
from toque.kitchen import api, images, network, verify
from toque.kitchen.drivers import chroot, states
from toque.kitchen.drivers.overlay import mounted
from toque.kitchen.machine import Machine
from toque.kitchen.process import rooted_in, with_argument
from toque.kitchen.subject import in_kitchen

pytestmark = [pytest.mark.machine, pytest.mark.timeout(900)]

DRIVERS = ("nspawn", "chroot")


@dataclass
class Bench:
    """A kitchen for one test; destroys what the test made."""

    kitchen: api.Kitchen
    driver: str
    environ: dict[str, str]
    folder: Path
    made: list[str] = field(default_factory=list)

    def create(self, name: str) -> Machine:
        self.made.append(name)
        return api.create(self.kitchen, name, driver=self.driver)

    def ssh(self, machine: Machine, *argv: str) -> str:
        known = self.folder / "known_hosts"
        host = machine.address
        where = host if machine.ssh_port == 22 else f"[{host}]:{machine.ssh_port}"
        known.write_text(f"{where} {machine.host_key}\n")
        options = ["-F", "none", "-i", str(machine.key), "-p", str(machine.ssh_port)]
        for option in (
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=yes",
            f"UserKnownHostsFile={known}",
        ):
            options += ["-o", option]
        done = subprocess.run(
            ["ssh", *options, f"{machine.user}@{host}", *argv], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def run(self, machine: Machine, *argv: str) -> str:
        done = api.execute(self.kitchen, machine.name, argv)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()


@pytest.fixture(params=DRIVERS)
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("kitchen")
    environ = {**os.environ, "TOQUE_KITCHEN_DIR": str(folder / "state")}
    kitchen = api.Kitchen.from_environment(environ)
    verdict = next(v for v in api.verdicts(kitchen) if v.driver == request.param)
    if not verdict.works:
        pytest.skip(f"driver {verdict.driver} does not work here: {verdict.reason}")
    made = Bench(kitchen, request.param, environ, folder)
    try:
        yield made
    finally:
        for name in made.made:
            api.destroy(kitchen, name)
    assert traces(kitchen) == []


def test_a_machine_answers_ssh_under_its_pinned_key_and_runs_programs(bench: Bench):
    machine = bench.create("one")

    assert bench.ssh(machine, "cat", "/etc/hostname") == "one"
    assert bench.run(machine, "id", "-un") == "root"
    assert api.execute(bench.kitchen, "one", ["cat"], b"by stdin").stdout == b"by stdin"
    assert api.execute(bench.kitchen, "one", ["false"]).returncode == 1
    assert bench.ssh(machine, "python3", "--version").startswith("Python 3.")
    assert [s.state for s in api.all_machines(bench.kitchen)] == ["running"]
    assert machine.key.stat().st_mode & 0o777 == 0o600


def test_once_the_image_is_there_a_machine_is_made_in_seconds(bench: Bench):
    bench.create("warm")
    took = []

    # About 1 s alone; a busy host gets more than one try.
    while not took or (took[-1] >= 10 and len(took) < 4):
        begun = time.monotonic()
        bench.create(f"timed-{len(took)}")
        took.append(time.monotonic() - begun)

    assert took[-1] < 10, took


def test_two_machines_are_truly_separate(bench: Bench):
    first, second = bench.create("first"), bench.create("second")

    for path in ("/etc/hostname", "/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub"):
        assert bench.run(first, "cat", path) != bench.run(second, "cat", path)
    assert first.host_key != second.host_key
    assert (first.address, first.ssh_port) != (second.address, second.ssh_port)
    bench.run(first, "touch", "/only-here")
    assert api.execute(bench.kitchen, "second", ["test", "-e", "/only-here"]).returncode == 1
    if bench.driver == "nspawn":
        seen = bench.run(first, "sh", "-c", "cat /proc/[0-9]*/cgroup")
        assert "second" not in seen
        assert bench.run(first, "hostname") == "first"


def test_the_image_is_not_changed_by_a_machine(bench: Bench):
    machine = bench.create("writer")
    bench.run(machine, "sh", "-c", "echo changed >> /etc/debian_version")

    fresh = bench.create("fresh")

    assert "changed" not in bench.run(fresh, "cat", "/etc/debian_version")


def test_a_reboot_keeps_files_and_empties_run(bench: Bench):
    machine = bench.create("boots")
    bench.run(machine, "sh", "-c", "echo kept > /root/kept; echo lost > /run/lost")

    api.reboot(bench.kitchen, "boots")

    assert bench.ssh(machine, "cat", "/root/kept") == "kept"
    assert api.execute(bench.kitchen, "boots", ["test", "-e", "/run/lost"]).returncode == 1


@pytest.mark.parametrize("bench", ["nspawn"], indirect=True)  # chroot's has no stop in between
def test_a_program_that_was_stopped_is_not_waited_for_without_end(bench: Bench):
    """As all programs of a machine are when it goes down, just before they are killed."""
    bench.create("stopped")

    done = api.execute(bench.kitchen, "stopped", ["sh", "-c", "kill -STOP $$; echo on"])

    assert (done.returncode, done.stdout) == (0, b"on\n")


@pytest.mark.parametrize("bench", ["nspawn"], indirect=True)
def test_a_reboot_from_inside_comes_back_by_itself(bench: Bench):
    machine = bench.create("inside")
    before = bench.run(machine, "cat", "/proc/sys/kernel/random/boot_id")
    api.execute(bench.kitchen, "inside", ["touch", "/run/before"])

    api.execute(bench.kitchen, "inside", ["systemctl", "reboot"])
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            if api.execute(bench.kitchen, "inside", ["test", "-e", "/run/before"]).returncode == 1:
                break
        except Failed:
            pass
        time.sleep(0.02)
    api.start(bench.kitchen, "inside")

    assert before
    assert bench.ssh(machine, "test", "!", "-e", "/run/before") == ""


def test_a_power_cut_kills_everything_at_once_and_start_boots_again(bench: Bench):
    machine = bench.create("cut")
    # One that would say that it was asked to end, and one that would be waited for.
    asked = "trap 'echo asked > /root/asked' TERM; touch /root/armed; while :; do sleep 0.1; done"
    bench.ssh(machine, f'nohup sh -c "{asked}" >/dev/null 2>&1 &')
    bench.ssh(machine, "while ! test -e /root/armed; do sleep 0.1; done")
    bench.ssh(machine, "nohup sleep 1000 >/dev/null 2>&1 & echo kept > /root/kept; sync")

    api.power_cut(bench.kitchen, "cut")

    assert not api.running(bench.kitchen, "cut")
    assert rooted_in(machine.root) == []
    assert [s.state for s in api.all_machines(bench.kitchen)] == ["stopped"]
    api.start(bench.kitchen, "cut")
    assert bench.ssh(machine, "cat", "/root/kept") == "kept"
    assert bench.ssh(machine, "test", "!", "-e", "/root/asked") == ""


def test_debian_13_boots_again_after_it_was_stopped(bench: Bench):
    """Its systemd starts services from one control group straight into another."""
    bench.made.append("again")
    machine = api.create(bench.kitchen, "again", driver=bench.driver, release="trixie")

    for _ in range(2):
        api.stop(bench.kitchen, machine.name)
        api.start(bench.kitchen, machine.name)

    assert bench.ssh(machine, "cat", "/etc/hostname") == "again"


def test_a_snapshot_is_what_the_machine_was(bench: Bench):
    """Files that were added, changed, removed and replaced; of a machine that ran, and in a row."""
    machine = bench.create("kept")
    write = "mkdir -p /srv/d && echo {0} >/srv/d/file && echo {0} >/srv/{0} && rm -f /etc/issue"
    bench.run(machine, "sh", "-c", write.format("first"))
    api.snapshot(bench.kitchen, machine.name, "first")
    assert api.running(bench.kitchen, machine.name)
    bench.run(machine, "sh", "-c", "rm -r /srv/d && " + write.format("second"))
    bench.run(machine, "sh", "-c", "echo back >/etc/issue")
    api.snapshot(bench.kitchen, machine.name, "second")
    bench.run(machine, "sh", "-c", "rm -r /srv/*; touch /srv/neither")
    look = "cd /srv; echo *; cat d/file; cat /etc/issue 2>&1 | head -1"

    for state, seen in (
        ("first", "d first\nfirst\ncat: /etc/issue: No such file or directory"),
        ("second", "d first second\nsecond\nback"),
        ("first", "d first\nfirst\ncat: /etc/issue: No such file or directory"),
    ):
        api.restore(bench.kitchen, machine.name, state)
        assert bench.ssh(machine, f"'{look}'".replace("'", "")) == seen
        bench.run(machine, "sh", "-c", "rm -r /srv/*")

    assert api.snapshots(bench.kitchen, machine.name) == ["first", "second"]
    for state, code in (("first", "kitchen-snapshot-taken"), ("../x", "kitchen-bad-name")):
        with pytest.raises(AskedWrongly) as caught:
            api.snapshot(bench.kitchen, machine.name, state)
        assert caught.value.code == code
    with pytest.raises(AskedWrongly) as caught:
        api.restore(bench.kitchen, machine.name, "frist")
    assert caught.value.code == "kitchen-snapshot-unknown"
    assert "first" in caught.value.trouble.hint
    api.destroy(bench.kitchen, machine.name)
    assert traces(bench.kitchen) == []


def test_a_snapshot_or_restore_that_was_killed_anywhere_loses_neither(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    """At each step the files are those of before or those of the snapshot, whole."""
    machine = bench.create("cut")
    bench.run(machine, "sh", "-c", "echo kept >/srv/file")
    api.stop(bench.kitchen, machine.name)
    driver = bench.kitchen.driver(machine)
    points = 0

    def cut_at(point: int, work: Callable[[], None]) -> bool:
        """Whether the work came to its end before its ``point``-th step on files."""
        left = point

        def step(real: Callable[..., Any]) -> Callable[..., Any]:
            def stepped(*args: Any, **options: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    raise Killed
                return real(*args, **options)

            return stepped

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", step(Path.rename))
            patch.setattr(Path, "replace", step(Path.replace))
            patch.setattr(Path, "mkdir", step(Path.mkdir))
            for module in (states, chroot):
                patch.setattr(module, "tool", step(module.tool))
            try:
                work()
            except Killed:
                return False
            return True

    def file() -> str:
        api.start(bench.kitchen, machine.name)
        text = bench.run(machine, "cat", "/srv/file")
        api.stop(bench.kitchen, machine.name)
        return text

    while not cut_at(points, partial(driver.snapshot, machine, f"s{points}")):
        points += 1
        assert file() == "kept"
    made = api.snapshots(bench.kitchen, machine.name)[-1]
    again = 0
    while True:
        api.start(bench.kitchen, machine.name)
        bench.run(machine, "sh", "-c", "echo changed >/srv/file")
        api.stop(bench.kitchen, machine.name)
        if cut_at(again, partial(driver.restore, machine, made)):
            break
        again += 1
        assert file() in ("kept", "changed")
    assert file() == "kept"
    assert (points >= 4, again >= 3) == (True, True)


class Killed(BaseException):
    """The end of a process, for the moment."""


def test_a_stopped_machine_is_started_by_create(bench: Bench):
    machine = bench.create("again")
    api.stop(bench.kitchen, "again")
    assert not api.running(bench.kitchen, "again")
    with pytest.raises((Failed, AssertionError)):
        bench.ssh(machine, "true")

    assert bench.create("again") == machine
    assert bench.ssh(machine, "cat", "/etc/hostname") == "again"


def test_packages_can_be_installed(bench: Bench):
    """The archive and name servers of the host are reached from inside, and kept for the next."""
    machine = bench.create("apt")

    bench.run(machine, "sh", "-c", "apt-get update -qq && apt-get install -y -qq tree 2>&1")

    assert bench.run(machine, "tree", "--version").startswith("tree")
    api.destroy(bench.kitchen, "apt")
    archive = bench.kitchen.store.cache / "apt/bookworm"
    assert list(archive.glob("tree_*.deb"))


def test_what_an_interrupted_create_left_is_adopted_or_destroyed(bench: Bench):
    """SIGKILL at random moments of create; then destroy, or create again, from there."""
    bench.create("warm")
    script = (
        "import os, sys\nfrom toque.kitchen import api\n"
        "kitchen = api.Kitchen.from_environment(os.environ)\n"
        "api.create(kitchen, 'killed', driver=sys.argv[1])\n"
    )
    chance = random.Random(7)
    bench.made.append("killed")
    for turn in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", script, bench.driver], env=bench.environ, start_new_session=True
        )
        time.sleep(chance.uniform(0.15, 1.2))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if turn % 2:
            machine = bench.create("killed")
            assert bench.ssh(machine, "cat", "/etc/hostname") == "killed"
        api.destroy(bench.kitchen, "killed")
        assert not mounted(bench.kitchen.store.folder("killed") / "root")
        assert not bench.kitchen.store.folder("killed").exists()
        assert with_argument(str(bench.kitchen.store.folder("killed") / "keeper.json")) == []


@pytest.mark.parametrize("bench", ["nspawn"], indirect=True)  # chroot's probe makes nothing
def test_what_a_killed_probe_left_goes_with_the_next_destroy(bench: Bench):
    script = (
        "import os\nfrom toque.kitchen import api\n"
        "api.verdicts(api.Kitchen.from_environment(os.environ))\n"
    )
    for _ in range(20):  # a probe may be over before it is seen
        process = subprocess.Popen(
            [sys.executable, "-c", script], env=bench.environ, start_new_session=True
        )
        while process.poll() is None and not list(bench.kitchen.store.state.glob("probe*/*")):
            pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if traces(bench.kitchen) != []:
            break
    assert traces(bench.kitchen) != []

    assert not api.destroy(bench.kitchen, "none")

    assert traces(bench.kitchen) == []


# Both drivers' images are built and cleared by the same code, in half a minute each.
@pytest.mark.parametrize("bench", ["chroot"], indirect=True)
def test_an_interrupted_image_build_is_cleared_by_the_next(bench: Bench, tmp_path: Path):
    environ = {**bench.environ, "TOQUE_CACHE_DIR": str(tmp_path / "cache")}
    kitchen = api.Kitchen.from_environment(environ)
    script = (
        "import os, sys\nfrom toque.kitchen import api\n"
        "kitchen = api.Kitchen.from_environment(os.environ)\n"
        "api.create(kitchen, 'built', driver=sys.argv[1])\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, bench.driver], env=environ)
    while not list((tmp_path / "cache").glob("images/.building-*/tree/var/lib/dpkg")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    staging = next((tmp_path / "cache/images").glob(".building-*"))
    recipe = images.recipe("supervisor", "bookworm", (), environ)

    tree = images.ensure(kitchen.store, recipe, api.silent)

    assert (tree / "usr/bin/python3").exists()
    assert not staging.exists()
    assert rooted_in(staging) == []
    api.destroy(kitchen, "built")


@pytest.mark.parametrize("bench", ["nspawn"], indirect=True)  # the same code for all
def test_without_room_for_an_image_nothing_is_begun(bench: Bench, tmp_path: Path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=50M", "tmpfs", small], check=True)
    try:
        environ = {**bench.environ, "TOQUE_CACHE_DIR": str(small / "cache")}
        with pytest.raises(Failed) as error:
            api.create(api.Kitchen.from_environment(environ), "none", driver="nspawn")
        left = [path for path in small.rglob("*") if path.is_file() and path.stat().st_size]
    finally:
        subprocess.run(["umount", small], check=True)

    assert error.value.code == "kitchen-no-space"
    assert left == []
    api.destroy(bench.kitchen, "none")
    assert traces(bench.kitchen) == []


@pytest.mark.parametrize("bench", ["nspawn"], indirect=True)
def test_a_machine_that_never_boots_shows_its_console(bench: Bench):
    machine = bench.create("ill")
    api.stop(bench.kitchen, "ill")
    init = machine.root / "usr/lib/systemd/systemd"
    init.unlink()
    init.write_text("#!/bin/sh\necho 'cannot go on: no such planet'\nexit 1\n")
    init.chmod(0o755)

    with pytest.raises(Failed) as error:
        api.start(bench.kitchen, "ill")

    assert error.value.code in ("kitchen-boot-failed", "kitchen-no-ssh")
    assert any("no such planet" in line for line in error.value.trouble.log)
    assert "no such planet" in api.console(bench.kitchen, "ill")


def test_destroy_is_safe_to_repeat_and_at_any_state(bench: Bench):
    machine = bench.create("gone")
    api.power_cut(bench.kitchen, "gone")

    assert api.destroy(bench.kitchen, "gone") is True
    assert api.destroy(bench.kitchen, "gone") is False
    assert not machine.folder.exists()


@pytest.mark.parametrize("bench", ["nspawn"], indirect=True)
def test_the_hosts_settings_come_back_with_the_last_machine(bench: Bench):
    if any(Path("/sys/class/net").glob("tqk??????")):
        pytest.skip("another kitchen has machines on this host, so its settings must stay")
    before = (network.FORWARD.read_text(), network.INOTIFY.read_text())

    bench.create("last")
    during = (network.FORWARD.read_text().strip(), int(network.INOTIFY.read_text()))
    api.destroy(bench.kitchen, "last")

    assert during[0] == "1"
    assert during[1] >= network.INOTIFY_WANTED
    assert (network.FORWARD.read_text(), network.INOTIFY.read_text()) == before


def test_a_machine_whose_folder_was_removed_by_hand_is_swept_away(bench: Bench):
    machine = bench.create("lost")
    (machine.folder / "record.json").unlink()

    assert api.destroy(bench.kitchen, "lost") is False

    assert traces(bench.kitchen) == []


@pytest.mark.requirement("R15")
def test_a_suite_without_checks_fails_and_one_with_checks_counts_them(bench: Bench, tmp_path: Path):
    machine = bench.create("verified")
    empty, full, wrong = tmp_path / "empty", tmp_path / "full", tmp_path / "wrong"
    for folder in (empty, full, wrong):
        folder.mkdir()
    (full / "test_machine.py").write_text(
        "def test_it(machine):\n"
        "    assert machine.file('/etc/hostname').text == 'verified\\n'\n"
        "    assert machine.file('/no') is None\n"
        "    seen = machine.file('/etc/shadow')\n"
        "    assert (seen.owner, seen.group, seen.mode) == ('root', 'shadow', 0o640)\n"
        "    assert machine.package('openssh-server')\n"
        "    assert machine.package('nginx') is None\n"
        "    assert machine.user('root').home == '/root'\n"
        "    assert machine.user('nobody-there') is None\n"
        "    assert machine.listening(machine.ports['ssh'])\n"
        "    assert not machine.listening(1)\n"
        "    assert not machine.listening('/run/nothing.sock')\n"
        "    assert machine.service('ssh').running\n"
        "    assert machine.service('ssh').pid > 0\n"
        "    assert not machine.service('nothing').running\n"
        "    assert machine.run('echo', 'a b').out == 'a b\\n'\n"
    )
    (wrong / "test_machine.py").write_text(
        "def test_right(machine):\n    machine.run('true')\n"
        "def test_wrong(machine):\n    machine.run('false')\n"
    )

    nothing = verify.run_verify({"it": in_kitchen(machine)}, empty, bench.environ)
    good = verify.run_verify({"it": in_kitchen(machine)}, full, bench.environ)
    bad = verify.run_verify({"it": in_kitchen(machine)}, wrong, bench.environ)

    assert (nothing.ok, nothing.summary) == (False, "0 checks, 0 failed")
    assert good.ok, good.output
    assert good.checks == 1
    assert (bad.ok, bad.checks, bad.failed) == (False, 2, 1)
    with pytest.raises(Failed) as error:
        verify.require(nothing)
    assert error.value.code == "kitchen-verify-failed"


def test_without_privileges_auto_takes_chroot_and_says_why(
    tmp_path: Path, request: pytest.FixtureRequest
):
    """The whole life of a machine in a process tree without CAP_SYS_ADMIN and CAP_NET_ADMIN."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv to give privileges away")
    script = (
        "import os\nfrom toque.kitchen import api\n"
        "kitchen = api.Kitchen.from_environment(os.environ)\n"
        "machine = api.create(kitchen, 'plain', progress=print)\n"
        "print(machine.driver, api.execute(kitchen, 'plain', ['echo', 'inside']).stdout)\n"
        "api.reboot(kitchen, 'plain')\napi.stop(kitchen, 'plain')\n"
        "api.start(kitchen, 'plain')\napi.power_cut(kitchen, 'plain')\n"
        "assert api.destroy(kitchen, 'plain') and not api.destroy(kitchen, 'plain')\n"
    )
    drop = "-sys_admin,-net_admin"
    environ = {**os.environ, "TOQUE_KITCHEN_DIR": str(tmp_path / "state")}

    request.addfinalizer(lambda: api.destroy(api.Kitchen.from_environment(environ), "plain"))
    done = subprocess.run(
        ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}", sys.executable, "-c", script],
        env=environ,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "driver nspawn: does not work here (unshare" in done.stdout
    assert "chroot b'inside\\n'" in done.stdout
    assert not (tmp_path / "state").exists()
    assert rooted_in(tmp_path) == []
