"""The power of a node is cut at each step of a deploy.

After the boot the site serves the old release or the new one, whole, and the next deploy works.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from machine_site import Site, until
from power_disk import PowerDisk
from toque import bootstrap
from toque.errors import ToqueError
from toque.kitchen import api
from toque.usecases import deploy as usecase

LONG = ("venv",)  # kinds of steps that are also cut while they last


class Cut(Exception):
    """Our side of a connection whose other side is without power."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[PowerDisk]:
    with PowerDisk.made(tmp_path) as disk:
        yield disk


@pytest.fixture
def fragile(disk: PowerDisk, tmp_path: Path) -> Iterator[Site]:
    """A site on a machine whose disk is ``disk``."""
    site = Site.make(disk.top / "kitchen", tmp_path / "project", "nspawn", "uwsgi", "cut")
    try:
        site.setup()
        yield site
    finally:
        api.destroy(site.kitchen, site.machine.name)


@pytest.mark.timeout(1800)
def test_power_cut_at_each_step_of_a_deploy(
    fragile: Site,
    disk: PowerDisk,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    site = fragile
    monkeypatch.setenv("TOQUE_KITCHEN_DIR", site.environ["TOQUE_KITCHEN_DIR"])
    site.edit("watch_for = 0", "watch_for = 30")
    for number in range(4):  # one more than are kept: the next one has some to remove
        commit_with_new_lock(site, f"before {number}")
        site.deploy()
    commit_with_new_lock(site, "measured")
    kinds = kinds_of_a_deploy(site)
    moments = [("outcome", kind) for kind in kinds] + [("step", kind) for kind in LONG]
    served: Counter[str] = Counter()
    boots = []
    for event, kind in moments:
        before = site.served()
        new = commit_with_new_lock(site, f"cut {kind}")
        os.sync()  # all that came before this deploy is on the disk for long
        cut_at(site, disk, kind, event)

        began = time.monotonic()
        api.start(site.kitchen, site.machine.name)
        until(site.answers)
        boots.append(time.monotonic() - began)
        now = site.served()
        assert now in (before, new), kind
        served["new" if now == new else "old"] += 1
        # The other one may run beside it, when the power went in the middle of the switch.
        assert site.release in running(site), kind
        assert site.unit in enabled(site), kind
        assert not hollow(site), kind
        site.deploy()
        assert site.served() == new, kind
        assert enabled(site) == [site.unit], kind

    record_property(
        "figure",
        f"power cut at {len(boots)} moments of deploys ({', '.join(kinds)}): the old release "
        f"served {served['old']} times, the new one {served['new']} times, nothing else; the site "
        f"answered again within {max(boots):.1f} s, and each next deploy worked",
    )
    assert served["old"] and served["new"]


def commit_with_new_lock(site: Site, text: str) -> str:
    """The id of a commit whose release needs an environment of its own."""
    lock = (site.space.work / "requirements.txt").read_text()
    return site.commit({"CHANGES": f"{text}\n", "requirements.txt": f"{lock}# {text}\n"})


def deploy(site: Site, watch: Callable[[Mapping[str, Any]], None]) -> None:
    """Deploy HEAD, telling ``watch`` each event of the node's."""
    project = bootstrap.open_project(site.space.directory)
    place = bootstrap.connect(project.node("web1"), project.directory)
    usecase.deploy(
        bootstrap.open_site(project), project.app("thena"), [place], ref=site.publish(),
        watch=lambda node: watch,
    )  # fmt: skip


def kinds_of_a_deploy(site: Site) -> list[str]:
    """The kinds of steps that changed something, in their order."""
    steps: list[str] = []

    def watch(told: Mapping[str, Any]) -> None:
        if told["type"] == "outcome" and told["outcome"]["status"] == "changed":
            steps.append(told["outcome"]["step"])

    deploy(site, watch)
    return list(dict.fromkeys(step.partition(":")[0] for step in steps))


def cut_at(site: Site, disk: PowerDisk, kind: str, event: str) -> None:
    """Deploy HEAD until the first ``event`` of a step of ``kind``."""
    done = threading.Event()

    def watch(told: Mapping[str, Any]) -> None:
        step = str(told.get("outcome", {}).get("step") or told.get("id", ""))
        if told["type"] == event and step.startswith(f"{kind}:") and not done.is_set():
            done.set()
            disk.cut(site.kitchen, site.machine)
            raise Cut

    said = "it ended well"
    try:
        deploy(site, watch)
    except (Cut, ToqueError) as error:
        said = f"{error!r} {vars(error)}"
    assert done.is_set(), f"there was no {event} of {kind}: {said}"


def running(site: Site) -> set[str]:
    return {process.environ["TOQUE_RELEASE"] for process in site.app_processes()}


def enabled(site: Site) -> list[str]:
    listed = site.out("systemctl", "list-unit-files", "thena-*", "--state=enabled", "--no-legend")
    return [line.split()[0] for line in listed.splitlines()]


def hollow(site: Site) -> list[str]:
    """Byte code without a byte in environments that are said to be complete."""
    script = (
        "cd /srv/www/thena/venvs; for v in *; do "
        'test ! -e "$v/.toque-complete" || find "$v" -name "*.pyc" -size 0; done'
    )
    return site.out("sh", "-c", script).split()
