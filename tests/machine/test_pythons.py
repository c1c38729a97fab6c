"""The same runtime on the Pythons of Debian 11, 12 and 13: it says what it is, checks and applies.

Where an image of a release cannot be made here, that Python runs the runtime on this host instead,
and the reason is printed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from machine_site import kitchen_in
from toque import bootstrap
from toque.adapters.local import LocalTransport
from toque.errors import ToqueError
from toque.fleet.node import Node
from toque.kitchen import api
from toque.node.model import Plan, Report, Status, Step
from toque.node.resources.command import Command
from toque.node.resources.directory import Directory
from toque.node.resources.file import File
from toque.node.resources.link import Link
from toque.node.resources.user import User
from toque.node.values import Secret
from toque.node.wire import encode_value
from toque.ports import Transport
from toque.usecases.converge import Parcel, check, converge, gather_facts

RELEASES = {"bullseye": "3.9", "bookworm": "3.11", "trixie": "3.13"}
PYENV = Path("/root/.pyenv/versions")
SECRET = "a secret that is long enough"

pytestmark = pytest.mark.timeout(1800)


def on_this_host(python: str, folder: Path, why: str) -> Transport:
    found = sorted(PYENV.glob(f"{python}.*/bin/python"))
    if not found:
        pytest.skip(f"no image ({why}) and no Python {python} on this host")
    print(f"\nno image of that release here ({why}): Python {python} of this host instead")
    return LocalTransport(python=str(found[0]), state=str(folder / "state"))


@pytest.fixture(scope="module", params=RELEASES)
def release(
    request: pytest.FixtureRequest,
    kitchen_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Transport, bool]]:
    """Python's version, the way to a machine that has it, and whether it is a Debian of its own."""
    name, python = request.param, RELEASES[request.param]
    folder = tmp_path_factory.mktemp(name)
    kitchen = kitchen_in(kitchen_folder)
    machine = f"python-{name}"
    try:
        api.create(kitchen, machine, driver="chroot", release=name)
    except ToqueError as error:
        yield python, on_this_host(python, folder, str(error)), False
        return
    before = os.environ.get("TOQUE_KITCHEN_DIR")
    os.environ["TOQUE_KITCHEN_DIR"] = str(kitchen_folder)
    try:
        yield (
            python,
            bootstrap.connect(Node(machine, f"kitchen:{machine}", ""), folder).transport,
            True,
        )
    finally:
        os.environ.pop("TOQUE_KITCHEN_DIR")
        if before is not None:
            os.environ["TOQUE_KITCHEN_DIR"] = before
        api.destroy(kitchen, machine)


def parcel(top: str, users: bool) -> Parcel:
    secrets: dict[str, str] = {}
    script = "import sys; sys.stdout.write(sys.version)"
    note = Command(("tee", f"{top}/noted"), name="note", only_notified=True)
    resources = [
        Directory(top),
        File(f"{top}/text", content="one\ntwo\n", mode=0o640),
        File(f"{top}/bytes", content=b"\0\1\2"),
        File(f"{top}/secret", content=Secret("s", SECRET), mode=0o600),
        Link(f"{top}/link", target="text"),
        Command(("python3", "-c", script), always=True, timeout_s=20),
        note,
    ]
    if users:
        resources.insert(0, User("pythons"))
    steps = []
    for one in resources:
        fields = {k: encode_value(v, secrets, {}) for k, v in vars(one).items()}
        notify = (note.run,) if one.id.endswith("/text") else ()
        steps.append(Step(one.id, one.kind, fields, notify=notify))
    return Parcel(Plan("pythons", tuple(steps)), secrets)


Run = Callable[..., Report]


def test_runtime_tells_checks_applies_and_applies_again(
    release: tuple[str, Transport, bool], tmp_path: Path
) -> None:
    python, transport, own = release
    top = "/srv/pythons" if own else str(tmp_path / "pythons")
    events: list[object] = []

    facts = gather_facts(transport)
    sent = parcel(top, users=own)
    first = check(transport, sent, by="test", watch=events.append)
    second = converge(transport, sent, by="test", watch=events.append)
    third = converge(transport, sent, by="test", watch=events.append)

    print(f"\n{facts.os} {facts.release}, Python {facts.python}: {second.changed} changed")
    assert facts.python.startswith(python + ".")
    assert not own or facts.os == "debian"
    assert first.failed is None
    assert {o.status for o in first.outcomes} <= {
        Status.WOULD_CHANGE, Status.UNKNOWN, Status.OK,
    }  # fmt: skip
    assert second.failed is None
    by_step = {o.step: o for o in second.outcomes}
    assert by_step["command:note"].actions == ("run",)
    assert second.changed == len(sent.plan.steps)
    assert (third.failed, third.owed) == (None, ())
    # A command that always runs is a change each time; all else is as it should be.
    assert [o.step for o in third.outcomes if o.status is Status.CHANGED] == [
        next(s.id for s in sent.plan.steps if "sys.version" in str(s.fields))
    ]
    assert SECRET not in str(events)
