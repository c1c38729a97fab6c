"""Suites times platforms, several machines, hooks and the watch, with a small cookbook."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kitchen_suites import CHECK, Suites
from machine_site import kitchen_in, require, toque
from toque.kitchen import api

pytestmark = pytest.mark.timeout(900)

KITCHEN = """\
driver = "nspawn"
[platforms.bookworm]
[platforms.also]
release = "bookworm"

[suites.pair]
exclude = ["also"]
[suites.pair.machines.db]
[suites.pair.machines.web]
[suites.pair.hooks]
before_create = [{ local = "echo $TOQUE_INSTANCE: $TOQUE_MACHINES >> ran" }]
after_create = [{ remote = "getent hosts db > /root/found", machine = "web" }]
after_destroy = [{ local = "echo gone >> ran" }]

[suites.alone]
reboot = false
"""
NAMES = ("pair-bookworm", "alone-bookworm", "alone-also")
MACHINES = ("hello-pair-bookworm-db", "hello-pair-bookworm-web", "hello-alone-bookworm",
            "hello-alone-also")  # fmt: skip


@pytest.fixture
def here(kitchen_folder: Path, tmp_path: Path) -> Iterator[Suites]:
    require(kitchen_in(kitchen_folder), "nspawn")
    yield Suites(tmp_path, kitchen_folder, KITCHEN)
    for name in MACHINES:
        api.destroy(kitchen_in(kitchen_folder), name)


@pytest.mark.requirement("R15", "R16")
def test_all_suites_are_tested_side_by_side(here: Suites) -> None:
    done = here.run("test", "--concurrency", "3", "--keep")

    lines = [line.split("|", 1) for line in done.stdout.splitlines()]
    assert {name.strip() for name, _ in lines} == set(NAMES)
    assert sum("2 checks, 0 failed" in text for _, text in lines) == 3
    # The rule for a suite: a reboot unless it says otherwise.
    assert {name.strip() for name, text in lines if ": reboot" in text} == {"pair-bookworm"}
    assert here.rungs() == dict.fromkeys(NAMES, ("verified", ""))
    ran = (here.folder / "ran").read_text().splitlines()
    assert ran == [f"pair-bookworm: {MACHINES[0]} {MACHINES[1]}"]

    address = api.find(here.kitchen, MACHINES[0]).address
    found = here.run("exec", "pair/web", "--", "cat", "/root/found").stdout
    assert found.split()[:2] == [address, "db"]
    which = here.told("snapshots", "pair", status=2)["error"]
    assert which["code"] == "kitchen-which-machine"
    assert "pair-bookworm/db" in which["expected"]

    # A setting of one's own, without a change to what is committed.
    (here.folder / "kitchen.local.toml").write_text('[suites.pair]\nexclude = ["bookworm"]\n')
    assert set(here.rungs()) == {"pair-also", "alone-bookworm", "alone-also"}
    told = here.told("diagnose", "pair-also")
    assert told["origins"]["suites.pair.exclude"] == "kitchen.local.toml:2"
    (here.folder / "kitchen.local.toml").unlink()

    gone = here.told("destroy", "-c", "3")
    assert all(one["destroyed"] for one in gone["instances"])
    assert (here.folder / "ran").read_text().splitlines()[-1] == "gone"
    assert not set(MACHINES) & set(here.kitchen.store.names())


def test_what_fails_is_told_of_each_and_left_for_looking(here: Suites) -> None:
    here.check.write_text(CHECK + "\ndef test_wrong(machine):\n    assert not machine.systemd\n")

    told = here.told("test", "alone", "-c", "2", status=5)

    assert told["error"]["code"] == "kitchen-suites-failed"
    assert here.rungs()["alone-also"] == ("set-up", "kitchen-verify-failed")
    here.check.write_text(CHECK)
    assert here.told("verify", "alone-also")["instances"][0]["ok"]
    assert here.rungs()["alone-also"] == ("verified", "")


def test_a_hook_that_fails_ends_it_and_is_told(here: Suites) -> None:
    text = KITCHEN.replace("reboot = false", 'hooks = { before_converge = [{ local = "exit 3" }] }')
    (here.folder / "kitchen.toml").write_text(text)

    error = here.told("converge", "alone-also", status=5)["error"]

    assert (error["code"], "status 3" in error["found"]) == ("kitchen-hook-failed", True)
    assert here.rungs()["alone-also"] == ("created", "kitchen-hook-failed")


def test_two_runs_never_work_on_one_suite(here: Suites) -> None:
    slow = KITCHEN.replace(
        "reboot = false",
        'hooks = { before_converge = [{ local = "touch begun; while [ ! -e end ]; do sleep 0.1; '
        'done" }] }',
    )
    (here.folder / "kitchen.toml").write_text(slow)
    first: list[int] = []
    begun = threading.Thread(
        target=lambda: first.append(
            toque(["kitchen", "converge", "alone-also"], here.folder, here.environ).returncode
        )
    )
    begun.start()
    try:
        while not (here.folder / "begun").exists():
            assert begun.is_alive()
        error = here.told("destroy", "alone-also", status=5)["error"]
    finally:
        (here.folder / "end").touch()
        begun.join()

    assert error["code"] == "kitchen-busy"
    assert first == [0]


def test_the_watch_tries_each_save(here: Suites) -> None:
    """A save that is wrong is told, and the next one is tried all the same."""
    command = [sys.executable, "-m", "toque", "kitchen", "watch", "alone-also"]
    with subprocess.Popen(
        command, cwd=here.folder, env=dict(here.environ), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as watching:  # fmt: skip
        assert watching.stdout is not None
        try:
            first = told_until(watching.stdout, "watching")
            here.check.write_text(CHECK.replace("Be kind", "Be rude"))
            second = told_until(watching.stdout, "watching")
            here.check.write_text(CHECK)
            third = told_until(watching.stdout, "watching")
        finally:
            watching.terminate()

    assert any("alone-also: all right" in line for line in first)
    assert any("changed: test_greeting.py" in line for line in second)
    assert any("verify failed" in line for line in second)
    assert any("alone-also: all right" in line for line in third)


def told_until(stream: Any, word: str) -> list[str]:
    lines = []
    for line in stream:
        lines.append(line)
        if word in line:
            return lines
    raise AssertionError("".join(lines))
