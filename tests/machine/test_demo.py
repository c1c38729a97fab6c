"""The whole story as one command, on both drivers; times are printed and never asserted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from machine_site import environ_in, kitchen_in, require
from toque.kitchen import api

pytestmark = pytest.mark.timeout(900)

KEYS = {
    "machine", "address", "url", "driver", "image_s", "create_s", "setup_s",
    "second_converge_changed", "deploy_s", "redeploy_s", "requests", "failed", "bad_push",
    "rollback_s", "reboot_s", "commits", "repository",
}  # fmt: skip
DROPPED = "-sys_admin,-net_admin"
SYS_ADMIN, NET_ADMIN = 1 << 21, 1 << 12  # capabilities(7)


@pytest.fixture
def folder(kitchen_folder: Path) -> Iterator[Path]:
    """A kitchen without other machines of the demo."""
    yield kitchen_folder
    api.destroy(kitchen_in(kitchen_folder), "toque-demo")
    shutil.rmtree(kitchen_folder / "demo", ignore_errors=True)


def demo(folder: Path, *argv: str, before: Sequence[str] = ()) -> dict[str, Any]:
    """What ``toque demo --json`` printed last; its steps go to the test's output."""
    done = subprocess.run(
        [*before, sys.executable, "-m", "toque", "demo", "--json", *argv],
        env=environ_in(folder),
        capture_output=True,
        text=True,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "\x1b" not in done.stdout  # plain lines where there is no terminal
    values: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return values


def check(values: dict[str, Any], driver: str) -> None:
    assert set(values) >= KEYS
    assert values["driver"] == driver
    assert values["failed"] == 0
    assert values["requests"] >= 1000
    assert values["second_converge_changed"] == 0
    first, second, bad = values["commits"]
    assert len({first, second, bad}) == 3
    assert values["bad_push"]["exit"] != 0
    assert values["bad_push"]["code"]
    assert values["bad_push"]["served"] == second


@pytest.mark.requirement("R6", "R36", "R63")
def test_the_demo_tells_the_whole_story_and_leaves_nothing(folder: Path):
    require(kitchen_in(folder), "nspawn")

    values = demo(folder, "--driver", "nspawn")

    check(values, "nspawn")
    assert not (folder / "machines" / values["machine"]).exists()
    assert not Path(values["repository"]).exists()


def test_the_demo_needs_no_privileges_with_a_chroot(folder: Path):
    """In a process tree without CAP_SYS_ADMIN and CAP_NET_ADMIN."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv to give privileges away")
    drop = ["setpriv", f"--bounding-set={DROPPED}", f"--inh-caps={DROPPED}"]
    status = subprocess.run(
        [*drop, "cat", "/proc/self/status"], capture_output=True, text=True, check=True
    ).stdout
    for kind in ("CapEff", "CapPrm", "CapBnd"):
        has = int(status.partition(f"{kind}:")[2].split()[0], 16)
        assert has & (SYS_ADMIN | NET_ADMIN) == 0, kind

    values = demo(folder, "--driver", "chroot", "--server", "uwsgi", before=drop)

    check(values, "chroot")
