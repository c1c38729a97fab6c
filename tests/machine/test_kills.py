"""Converges cut off at random points: the next one ends right, and no restart is lost.

The service of the cookbook writes down, each time it starts, a digest of the files that it was
started with.  A restart that was owed and forgotten therefore shows, however the kill fell.
The seed of the random points is printed; TOQUE_KILL_SEED repeats a run.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from machine_site import toque, until
from small_project import SmallProject, small_project
from toque import bootstrap
from toque.errors import ToqueError
from toque.kitchen import api
from toque.usecases import setup as usecase

pytestmark = pytest.mark.timeout(1800)

SEED = int(os.environ.get("TOQUE_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
NAME = "kills"

COOKBOOK = '''
from toque import Cookbook, Directory, File, Package, Recipe, Service, Unit, User

ROUND = {round}
UNIT = """
[Unit]
Description=Writes down what it was started with
# Converges that are cut off and made again come quicker than the 5 starts in 10 s of the default.
StartLimitIntervalSec=0

[Service]
ExecStart=/bin/sh -c 'cat /etc/killed/* | sha256sum > /run/killed.seen; exec sleep infinity'

[Install]
WantedBy=multi-user.target
"""


def setup(r: Recipe) -> None:
    service = Service("killed", running=True, enabled=True)
    r.add(Directory("/etc/killed"))
    for number in range(6):
        content = f"round {{ROUND}} number {{number}}\\n" * 200
        r.add(File(f"/etc/killed/a{{number}}", content=content), notify=service.restart)
    r.add(Package("tree"))
    r.add(User("killed"))
    r.add(File("/etc/killed/b", content=f"round {{ROUND}}\\n"), notify=service.restart)
    r.add(Package("less"))
    r.add(Unit("killed.service", content=UNIT), notify=service.restart)
    for number in range(6):
        content = f"round {{ROUND}} number {{number}}\\n" * 200
        r.add(File(f"/etc/killed/c{{number}}", content=content), notify=service.restart)
    r.add(service)


cookbook = Cookbook("killed", events={{"setup": setup}})
'''
# Everything as before the first converge, but the service, which has to be restarted, not started.
UNDO = """
dpkg --force-all --purge tree less >/dev/null 2>&1
rm -rf /etc/killed/a1 /etc/killed/c2
userdel -r killed >/dev/null 2>&1
true
"""
LEFTOVERS = ("find", "/etc", "/root", "/usr/local", "/var/lib/toque", "/run", "-xdev",
             "(", "-name", ".toque-*", "-o", "-name", "*.new", ")", "-path", "*oque*")  # fmt: skip


@dataclass
class Target:
    project: SmallProject
    round: int = 0
    seconds: float = 0.0  # of a converge that nobody cuts off

    def next_round(self) -> None:
        """Undo, and want another content of each file: every round owes a restart."""
        self.sh(UNDO)
        self.round += 1
        self.write()

    def write(self) -> None:
        """The cookbook of this round."""
        self.project.write(COOKBOOK.format(round=self.round))

    def sh(self, script: str) -> str:
        return self.project.sh(script)

    def start(self) -> subprocess.Popen[str]:
        return self.project.begun()

    def converge(self) -> dict[str, Any]:
        return dict(self.project.converge()["report"])

    def free(self) -> bool:
        done = toque(["runs", "web1", "--json"], self.project.directory, self.project.environ)
        return done.returncode == 0 and json.loads(done.stdout)["nodes"][0]["holder"] is None

    def right(self) -> bool:
        """Whether the machine is as the cookbook says, and the service has seen all of it."""
        self.converge()
        again = self.converge()
        changed = [o for o in again["outcomes"] if o["status"] == "changed" or o.get("actions")]
        assert (changed, again["owed"]) == ([], [])
        assert self.sh("cat /etc/killed/* | sha256sum") == self.sh("cat /run/killed.seen")
        assert f"round {self.round} " in self.sh("cat /etc/killed/a1")
        assert self.sh("dpkg --audit") == ""
        assert self.sh("dpkg-query -W -f '${Status}\\n' tree less | sort -u") == (
            "install ok installed\n"
        )
        assert api.execute(self.project.kitchen, NAME, LEFTOVERS).stdout.decode() == ""
        return True


@pytest.fixture(scope="module")
def target(kitchen_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    directory = tmp_path_factory.mktemp(NAME)
    with small_project(kitchen_folder, directory, NAME, cookbook="killed") as project:
        made = Target(project)
        made.next_round()
        made.converge()
        made.next_round()
        began = time.monotonic()
        made.converge()
        made.seconds = time.monotonic() - began
        print(f"\nseed {SEED}, an undisturbed converge takes {made.seconds:.1f} s")
        yield made


def children(pid: int) -> list[tuple[int, str]]:
    """Process ids and names of a process's children."""
    done = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(pid)],
                          capture_output=True, text=True)  # fmt: skip
    return [(int(line.split()[0]), line.split()[1]) for line in done.stdout.splitlines()]


def ssh_of(client: subprocess.Popen[str]) -> int:
    """The ssh that the command line started; waits until there is one."""
    while client.poll() is None:
        for pid, name in children(client.pid):
            if name == "ssh":
                return pid
        time.sleep(0.01)
    return 0


def moments(count: int, seconds: float, salt: str) -> list[float]:
    """``count`` random points, one in each of as many equal parts of ``seconds``."""
    chance = random.Random(f"{SEED} {salt}")
    return [(part + chance.random()) / count * seconds for part in range(count)]


def enough(ended: Mapping[str, int], count: int, seconds: float) -> Iterator[float]:
    """Ten points, and more in the middle of ``seconds`` until ``count`` came in time.

    A converge takes longer or shorter than the one that was measured, on a busy machine.
    """
    yield from moments(10, seconds, "ssh")
    for moment in moments(20, seconds / 2, "ssh again"):
        if ended.get("attached again", 0) >= count:
            return
        yield moment


def test_ssh_client_killed_at_ten_points(target: Target) -> None:
    ended: dict[str, int] = {}
    for moment in enough(ended, 5, target.seconds - 0.8):
        target.next_round()
        client = target.start()
        ssh = ssh_of(client)
        time.sleep(moment)
        if client.poll() is None:
            os.kill(ssh, signal.SIGKILL)
        said = client.communicate(timeout=240)[0]
        if client.returncode == 0:
            how = "attached again" if "attaching again" in said else "had ended before"
        else:
            how = "lost before the order"
            assert client.returncode == 4, said
            assert "connection-lost" in said or "bootstrap-failed" in said, said
        ended[how] = ended.get(how, 0) + 1
        assert target.right()
    print(f"seed {SEED}: ssh killed {sum(ended.values())} times, all right afterwards: {ended}")
    assert ended.get("attached again", 0) >= 5


def test_command_line_killed_at_three_points(target: Target) -> None:
    for moment in moments(3, target.seconds - 0.8, "cli"):
        target.next_round()
        client = target.start()
        ssh_of(client)
        time.sleep(moment)
        client.kill()
        client.communicate()
        until(target.free)
        assert target.right()
    print(f"seed {SEED}: command line killed 3 times, all right afterwards")


def test_walk_on_the_node_killed_at_six_points(target: Target) -> None:
    """The one process that knows what it was doing, with apt and all others left behind."""
    broken = 0
    for moment in moments(6, target.seconds - 0.8, "walk"):
        target.next_round()
        client = target.start()
        ssh_of(client)
        time.sleep(moment)
        target.sh("pkill -KILL -f 'python3 -I -S -X utf8'")
        said = client.communicate(timeout=240)[0]
        broken += "run-broken-off" in said
        assert client.returncode in (0, 4, 5), said
        until(target.free)
        assert target.right()
    print(f"seed {SEED}: walk killed 6 times ({broken} in the walk), all right afterwards")


def test_walk_killed_at_every_boundary_of_its_steps(
    target: Target,
    record_property: Callable[[str, object], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where one step has ended and the next begun, for each of them; packages stay this time."""
    monkeypatch.setenv("TOQUE_KITCHEN_DIR", target.project.environ["TOQUE_KITCHEN_DIR"])
    steps, boundary = 1000, 0
    while boundary < steps:
        target.round += 1
        target.write()
        target.sh("rm -rf /etc/killed/a1 /etc/killed/c2; userdel -r killed 2>/dev/null")
        ended = 0

        def watch(event: Mapping[str, Any], at: int = boundary) -> None:
            nonlocal ended, steps
            if event["type"] == "start":
                steps = event["steps"]
            if event["type"] == "outcome":
                ended += 1
                if ended == at + 1:
                    target.sh("pkill -KILL -f 'python3 -I -S -X utf8'")

        found = bootstrap.open_project(target.project.directory)
        place = bootstrap.connect(found.node("web1"), found.directory)
        with contextlib.suppress(ToqueError):
            usecase.setup(bootstrap.open_site(found), place, watch=watch)
        assert ended > boundary
        assert target.right()
        boundary += 1
    assert boundary > 15
    record_property("figure", f"walk killed at {boundary} boundaries, all right afterwards")


def test_power_cut_at_five_points(target: Target) -> None:
    for moment in moments(5, target.seconds - 0.8, "power"):
        target.next_round()
        client = target.start()
        ssh_of(client)
        time.sleep(moment)
        api.power_cut(target.project.kitchen, NAME)
        client.kill()  # it would wait for the machine; that is the test before
        client.communicate()
        api.start(target.project.kitchen, NAME)
        assert target.right()
    print(f"seed {SEED}: power cut 5 times, all right afterwards")


def test_machine_that_loses_power_and_comes_back_is_told_as_broken_off(target: Target) -> None:
    target.next_round()
    client = target.start()
    ssh_of(client)
    # It has begun, and two packages are still to come.
    until(lambda: f"round {target.round} " in target.sh("cat /etc/killed/a0"), every_s=0.02)
    api.power_cut(target.project.kitchen, NAME)
    api.start(target.project.kitchen, NAME)
    said = client.communicate(timeout=240)[0]

    assert client.returncode in (4, 5), said
    assert "run-broken-off" in said or "run-lost" in said or "connection-lost" in said, said
    assert target.right()
