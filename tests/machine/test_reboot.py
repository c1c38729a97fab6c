"""A run that ends with a reboot of its node, and goes on when the node is back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from machine_site import toque
from small_project import SmallProject, small_project

BOOT = "cat /proc/sys/kernel/random/boot_id"


@pytest.fixture(scope="module")
def project(
    kitchen_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SmallProject]:
    with small_project(kitchen_folder, tmp_path_factory.mktemp("reboot"), "reboot") as made:
        yield made


def status(told: dict, step: str) -> str:
    return str(next(o["status"] for o in told["report"]["outcomes"] if o["step"] == step))


def test_a_machine_that_needs_no_reboot_keeps_running(project: SmallProject) -> None:
    project.recipe("r.add(Reboot())")
    before = project.sh(BOOT)

    assert status(project.converge(), "reboot:machine") == "ok"
    assert project.sh(BOOT) == before


def test_a_needed_reboot_comes_at_the_end_and_is_waited_for(project: SmallProject) -> None:
    project.recipe("r.add(Reboot())", 'r.add(File("/root/after", content="x"))')
    before = project.sh("touch /run/reboot-required; " + BOOT)

    told = project.converge()

    assert status(told, "reboot:machine") == "changed"
    assert status(told, "file:/root/after") == "changed"
    after = project.sh(BOOT)  # at once: whoever converges has waited
    assert after != before
    assert status(project.converge(), "reboot:machine") == "ok"
    assert project.sh(BOOT) == after


def test_another_step_asks_for_it_and_people_are_told(project: SmallProject) -> None:
    project.recipe(
        "reboot = Reboot()",
        'r.add(File("/etc/asks", content="x"), notify=reboot.request)',
        "r.add(reboot)",
    )
    before = project.sh(BOOT)

    done = toque(["converge", "web1"], project.directory, project.environ)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "rebooting; waiting until it is back" in done.stdout
    assert "back after" in done.stdout
    assert project.sh(BOOT) != before
    assert status(project.converge(), "reboot:machine") == "ok"


def test_a_run_that_fails_does_not_reboot_and_the_next_one_does(project: SmallProject) -> None:
    project.recipe("r.add(Reboot())", 'r.add(Command(("false",), always=True))')
    before = project.sh("touch /run/reboot-required; " + BOOT)

    project.converge(status=5)
    assert project.sh(BOOT) == before

    project.recipe("r.add(Reboot())")
    assert status(project.converge(), "reboot:machine") == "changed"
    assert project.sh(BOOT) != before
