"""A run that is ended anywhere, or that the disk fails anywhere, and then run again.

The walk is the real one, over this machine's file system, in a child of its own.  Its n-th call of
the operating system is where it is killed or fails, for every n until a run gets through.  What is
there after the run that follows has to be what an undisturbed run leaves, byte for byte, with no
file beside it that nobody asked for, and with every notification answered after the last change.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from toque.node import facts
from toque.node.engine import walk
from toque.node.journal import DiskJournal
from toque.node.model import Action, Plan, Status, Step
from toque.node.realsystem import RealSystem
from toque.node.resource import Resource
from toque.node.resources import TYPES
from toque.node.resources.command import Command
from toque.node.resources.directory import Directory
from toque.node.resources.file import File
from toque.node.resources.link import Link
from toque.node.wire import encode_value

# What changes a file system, or makes a change last.  The name is called in the child only.
CALLS = (
    "open",
    "write",
    "fsync",
    "rename",
    "replace",
    "mkdir",
    "rmdir",
    "unlink",
    "symlink",
    "link",
    "fchmod",
    "fchown",
    "chmod",
    "chown",
    "ftruncate",
)
KILLED, FAULTY = 137, 3
MACHINE = facts.gather()

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="files get other owners, which needs root"),
    pytest.mark.timeout(300),
]


def plan_in(top: Path) -> Plan:
    """One of each thing that is done to files, with restarts owed by some."""
    at = str(top)
    served = Command(
        ("/bin/sh", "-c", f"cat {at}/site/conf {at}/site/new >{at}/served 2>&1"),
        name="serve",
        only_notified=True,
    )
    return Plan(
        "interrupted",
        (
            step(Directory(f"{at}/site", mode=0o750)),
            step(File(f"{at}/site/conf", content="new\n" * 50), served.run),
            step(File(f"{at}/site/new", content=b"\0\1\2", owner="daemon", mode=0o600), served.run),
            step(File(f"{at}/mode", mode=0o600)),
            step(
                File(
                    f"{at}/site/checked",
                    content="accepted\n",
                    check=("grep", "-q", "accepted", f"{at}/site/checked"),
                )
            ),
            step(Link(f"{at}/current", "site")),
            step(Link(f"{at}/fresh", "site"), served.run),
            step(File(f"{at}/gone", absent=True)),
            step(Directory(f"{at}/tree", absent=True, recursive=True)),
            step(Directory(f"{at}/a/b/c", parents=True, mode=0o700)),
            step(served),
        ),
    )


def furnish(top: Path) -> None:
    """The machine as it is before: some things old, some in the way, some not there."""
    (top / "site").mkdir(parents=True)
    (top / "site/conf").write_text("old\n")
    (top / "site/checked").write_text("before\n")
    (top / "mode").write_text("kept\n")
    (top / "current").symlink_to("older")
    (top / "gone").write_text("x")
    (top / "tree/deep/deeper").mkdir(parents=True)
    (top / "tree/deep/file").write_text("x")


def step(resource: Resource, *notify: Action) -> Step:
    encoded = {f.name: encode_value(getattr(resource, f.name), {}, {}) for f in fields(resource)}
    return Step(resource.id, resource.kind, encoded, notify=notify)


def run(top: Path, state: Path) -> int:
    """One apply; the number of steps that failed for a reason that is not ours."""
    journal = DiskJournal(str(state))
    outcomes = walk(plan_in(top), RealSystem(MACHINE), TYPES, journal=journal, secrets={})
    bugs = [o for o in outcomes if o.trouble and o.trouble["code"] == "node-bug"]
    assert not bugs, bugs
    return sum(1 for outcome in outcomes if outcome.status is Status.FAILED)


def in_child(work: Callable[[], int]) -> int:
    """The exit status of ``work`` in a child; 70 for what it raises."""
    child = os.fork()
    if child == 0:
        status = 70
        try:
            status = work()
        except BaseException:  # noqa: BLE001 - nothing may unwind into the test's frames
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def disturbed(top: Path, state: Path, number: int, fault: int) -> int:
    """A run whose call ``number`` ends the process, or fails with ``fault``.

    ``KILLED`` when it was ended, ``FAULTY`` when a call failed, 0 when it made fewer calls.
    """
    count = itertools.count(1)
    hit = False

    def wrapped(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal hit
            if next(count) == number:
                hit = True
                if not fault:
                    os._exit(KILLED)
                raise OSError(fault, os.strerror(fault))
            return original(*args, **kwargs)

        return call

    for name in CALLS:
        setattr(os, name, wrapped(getattr(os, name)))
    run(top, state)
    return FAULTY if hit else 0


def picture(top: Path) -> dict[str, tuple[Any, ...]]:
    """Every path below ``top``: its kind, mode, owner and content."""
    return dict(_pictured(top))


def _pictured(top: Path) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for path in sorted(top.rglob("*")):
        info = path.lstat()
        content: object = None
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = path.read_bytes()
        mode = 0 if path.is_symlink() else stat.S_IMODE(info.st_mode)
        name = str(path.relative_to(top))
        yield name, (stat.S_IFMT(info.st_mode), mode, info.st_uid, content)


@pytest.mark.parametrize(
    ("how", "fault", "every"),
    [
        ("kill", 0, 1),
        ("ENOSPC", errno.ENOSPC, 1),
        ("EIO", errno.EIO, 1),
        ("EROFS", errno.EROFS, 3),  # as ENOSPC to the code, so not each point of it
        ("EMFILE", errno.EMFILE, 3),
    ],
)
def test_run_that_was_disturbed_anywhere_ends_like_one_that_was_not(
    how: str,
    fault: int,
    every: int,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    (tmp_path / "state").mkdir()
    top = tmp_path / "top"  # one path, since it is in what the plan writes
    furnish(top)
    assert in_child(lambda: run(top, tmp_path / "state")) == 0
    expected = picture(top)
    assert expected["served"][-1] == b"new\n" * 50 + b"\0\1\2"

    points = 0
    for number in itertools.count(1, every):
        shutil.rmtree(top)
        shutil.rmtree(tmp_path / "state")
        (tmp_path / "state").mkdir()
        furnish(top)
        ended = in_child(lambda n=number: disturbed(top, tmp_path / "state", n, fault))  # type: ignore[misc]
        if ended == 0:
            break
        points += 1
        assert ended in (KILLED, FAULTY), f"{how} at call {number}"
        assert in_child(lambda: run(top, tmp_path / "state")) == 0, f"{how} at call {number}"
        assert picture(top) == expected, f"{how} at call {number}"
        assert DiskJournal(str(tmp_path / "state")).owed() == ()
        assert number < 2000, "the walk never gets through"

    record_property("figure", f"{points} points, {points} ended as without it")
    assert points > 50
