"""What takes a while is measured by a clock that nobody sets; the other tells the time (DU-6)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from source_tree import modules

WALL = {"time", "time_ns", "now", "utcnow", "today"}
MODULES = {"time", "datetime", "datetime.datetime", "datetime.date", "date"}
# Where the wall clock is asked, how often, and why it may be wrong there without harm.
ASKED = {
    "src/toque/adapters/boot.py": (1, "what a killed unpacking left is removed an hour later"),
    "src/toque/cli/seeing.py": (2, "how far back people want to see, and how long ago that is"),
    "src/toque/kitchen/drivers/chroot.py": (1, "when a machine was made, for people"),
    "src/toque/kitchen/drivers/ec2.py": (1, "when a machine was made, for people"),
    "src/toque/kitchen/drivers/host.py": (1, "when a machine was taken, for people"),
    "src/toque/kitchen/drivers/memory.py": (1, "when a machine was made, for people"),
    "src/toque/kitchen/drivers/nspawn.py": (1, "when a machine was made, for people"),
    "src/toque/kitchen/drivers/podman.py": (1, "when a machine was made, for people"),
    "src/toque/kitchen/drivers/qemu.py": (1, "when a machine was made, for people"),
    "src/toque/kitchen/look/certificate.py": (1, "days that a certificate has left"),
    "src/toque/node/blobs.py": (1, "bytes that nobody used for a week are sent again"),
    "src/toque/node/deploys.py": (1, "when a deploy failed, for people"),
    "src/toque/node/journal.py": (1, "since when somebody holds the node, for people"),
    "src/toque/node/realsystem.py": (1, "of certificates, whose time is the wall clock's"),
    "src/toque/node/resources/checkout.py": (1, "when a release was made, for people"),
    "src/toque/node/resources/current.py": (1, "when a release was switched to, for people"),
    "src/toque/node/resources/migration.py": (1, "when a migration was run, for people"),
    "src/toque/node/resources/watched.py": (1, "which lines of a log are of requests from before"),
    "src/toque/node/run.py": (1, "what time the node thinks it is, to warn when it is wrong"),
    "src/toque/redial.py": (1, "how projects of a month ago were called is forgotten"),
    "src/toque/usecases/seeing.py": (2, "to tell a node whose clock is wrong"),
    "src/toque/usecases/clock.py": (1, "to warn of a node whose clock is wrong"),
    "src/toque/usecases/converge.py": (1, "ids of runs that sort by time"),
}


def asked(tree: ast.Module) -> Iterator[int]:
    """Lines on which the wall clock is asked, or taken by a name of one's own."""
    for node in ast.walk(tree):
        taken = isinstance(node, ast.ImportFrom) and node.module == "time"
        if taken and WALL & {name.name for name in node.names}:
            yield node.lineno
        wall = isinstance(node, ast.Attribute) and node.attr in WALL
        if wall and ast.unparse(node.value) in MODULES:
            yield node.lineno


def test_wall_clock_is_asked_only_where_it_may_be_wrong() -> None:
    found = {path: len(list(asked(tree))) for path, tree in modules()}

    assert {path: count for path, count in found.items() if count} == {
        path: count for path, (count, why) in ASKED.items() if why
    }


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("import time\nuntil = time.time() + 5", 1),
        ("from time import time as monotonic", 1),
        ("from time import monotonic\nuntil = monotonic() + 5", 0),
        ("import time\nwait(clock=time.time)", 1),
        ("from datetime import datetime, timezone\ndatetime.now(timezone.utc)", 1),
        ("import datetime\ndatetime.datetime.utcnow()", 1),
        ("system.now()", 0),
    ],
)
def test_the_rule_sees_a_planted_fault(text: str, count: int) -> None:
    assert len(list(asked(ast.parse(text)))) == count
