"""The acts of the demo, in order, each timed; what they measured is the result."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import Failed
from ..kitchen import api as kitchen
from ..kitchen.api import Kitchen
from ..kitchen.load import Load, LoadPlan, LoadResult
from ..kitchen.machine import Machine
from .workspace import Workspace

LEAST_REQUESTS = 1000
RATE_PER_S = 80.0  # more would measure the two cores that machine and load share


@dataclass
class Measured:
    """What ``--json`` prints, keys as there; times in seconds."""

    values: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def timed(self, key: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.values[key] = round(time.monotonic() - started, 2)


@dataclass(frozen=True)
class Stage:
    """Where the site answers, and how to tell the audience."""

    address: str
    port: int
    say: Callable[[str], None]
    note: Callable[[str], None]


@dataclass(frozen=True)
class Acts:
    """What the story does through Toque's own commands, given by the command line.

    ``setup`` says how many steps changed; ``push`` runs ``git push`` and gives what the hook
    recorded (``exit``, ``code``).
    """

    setup: Callable[[], int]
    push: Callable[[], Mapping[str, Any]]
    rollback: Callable[[], None]


def tell(
    machine_name: str,
    space: Workspace,
    cook: Kitchen,
    *,
    driver: str,
    say: Callable[[str], None],
    note: Callable[[str], None],
    acts: Callable[[Machine], Acts],
) -> dict[str, Any]:
    """Play all acts; the measured values.  Raises ``Failed`` at the first that does not hold."""
    measured = Measured()
    values = measured.values

    say("Act 1  a machine")
    machine = _machine(cook, machine_name, driver, measured, note)
    play = acts(machine)
    address = machine.address
    port = machine.ports["http"]
    stage = Stage(address, port, say, note)
    url = f"http://{address}:{port}/" if port != 80 else f"http://{address}/"
    values.update(machine=machine.name, address=address, url=url, driver=machine.driver)

    say("Act 2  setup: packages, users, directories, nginx, PostgreSQL")
    with measured.timed("setup_s"):
        play.setup()

    say("Act 3  setup again: nothing left to do")
    values["second_converge_changed"] = play.setup()

    say("Act 4  the first deploy")
    first = space.commit("Thena: count the arcs")
    with measured.timed("deploy_s"):
        pushed = play.push()
    if pushed["exit"] != 0:
        raise Failed("demo-broken", "the first push was not deployed", found=str(dict(pushed)))
    note(f"{url} says: {_get(stage, '/')[1].splitlines()[0]!r}")

    say("Act 5  a push replaces it, under load")
    load = Load(
        LoadPlan(
            address=address,
            port=port,
            host_header="localhost",
            rate_per_s=RATE_PER_S,
            expect={"/": r"Hello Thena\narcs: \d+\n", "/version": r'\{"commit":"[0-9a-f]{40}"\}\n'},
            max_seconds=240.0,
            allowed=frozenset({address}),
        )
    )
    load.start()
    try:
        second, bad = _pushes(stage, space, play, measured)
        say("Act 7  rollback")
        with measured.timed("rollback_s"):
            play.rollback()
        _expect_commit(stage, first, "the rollback")
        load.wait(LEAST_REQUESTS, 60.0)
    finally:
        result = load.stop()
    _account(values, result, note)

    say("Act 8  the machine reboots")
    with measured.timed("reboot_s"):
        kitchen.reboot(cook, machine.name)
        _until_served(stage, 60.0)
    note(f"served again {values['reboot_s']:.1f} s after the reboot began, by nobody's hand")
    _expect_commit(stage, first, "the reboot")
    values["commits"] = [first, second, bad]
    values["repository"] = str(space.repository)
    return values


def _machine(
    cook: Kitchen, name: str, driver: str, measured: Measured, note: Callable[[str], None]
) -> Machine:
    """Create the machine; time the image and the machine apart."""
    kitchen.destroy(cook, name)
    marks: dict[str, float] = {}

    def progress(text: str) -> None:
        now = time.monotonic()
        if text.startswith("image") and "not built" in text:
            marks["image-began"] = now
        elif text.startswith("image"):
            marks["image-ended"] = now
        note(text)

    started = time.monotonic()
    machine = kitchen.create(cook, name, driver=driver, progress=progress)
    whole = time.monotonic() - started
    began, ended = marks.get("image-began", 0.0), marks.get("image-ended", 0.0)
    image_s = ended - began if began else 0.0
    measured.values["image_s"] = round(image_s, 2)
    measured.values["create_s"] = round(whole - image_s, 2)
    return machine


def _pushes(stage: Stage, space: Workspace, play: Acts, measured: Measured) -> tuple[str, str]:
    """A good push and a broken one; their commits."""
    (space.work / "CHANGES").write_text("second release\n", encoding="utf-8")
    second = space.commit("Thena: second release")
    with measured.timed("redeploy_s"):
        pushed = play.push()
    if pushed["exit"] != 0:
        raise Failed("demo-broken", "the second push was not deployed", found=str(pushed))
    _expect_commit(stage, second, "the push")

    stage.say("Act 6  a push that cannot be imported")
    wsgi = space.work / "wsgi.py"
    wsgi.write_text("import no_such_module\n" + wsgi.read_text(encoding="utf-8"), encoding="utf-8")
    bad = space.commit("Thena: a mistake")
    refused = play.push()
    served = _served_commit(stage)
    measured.values["bad_push"] = {**refused, "served": served}
    if refused["exit"] == 0 or served != second:
        raise Failed("demo-broken", "a broken release was accepted", found=str(refused))
    stage.note(f"refused ({refused['code']}); the site still serves {second[:12]}")
    return second, bad


def _account(values: dict[str, Any], result: LoadResult, note: Callable[[str], None]) -> None:
    values["requests"] = result.requests
    values["failed"] = result.failed
    note(
        f"{result.requests} requests meanwhile, {result.failed} failed, p99 {result.p99_ms:.0f} ms"
    )
    for line in result.failures[:5]:
        note(f"  {line}")
    if result.failed or result.requests < LEAST_REQUESTS:
        raise Failed(
            "demo-broken",
            "the site did not stay up",
            expected=f"at least {LEAST_REQUESTS} requests and 0 failed",
            found=f"{result.requests} requests, {result.failed} failed",
            log=result.failures,
        )


def _get(stage: Stage, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(stage.address, stage.port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def _served_commit(stage: Stage) -> str:
    status, body = _get(stage, "/version")
    return str(json.loads(body)["commit"]) if status == 200 else f"status {status}"


def _expect_commit(stage: Stage, commit: str, after: str) -> None:
    found = _served_commit(stage)
    if found != commit:
        raise Failed(
            "demo-broken", f"another commit is served after {after}", expected=commit, found=found
        )


def _until_served(stage: Stage, limit_s: float) -> None:
    """Wait until the site answers 200 by itself."""
    until = time.monotonic() + limit_s
    last = "no answer"
    while time.monotonic() < until:
        try:
            status, _ = _get(stage, "/")
            if status == 200:
                return
            last = f"status {status}"
        except (OSError, http.client.HTTPException) as error:
            last = str(error) or type(error).__name__
        time.sleep(0.1)
    raise Failed(
        "demo-broken", "the site did not come back", expected=f"200 in {limit_s:g} s", found=last
    )


def closing(values: Mapping[str, Any], directory: Path, kept: bool) -> list[str]:
    """The last lines: the URL, how to look inside, how to undo, how to remove everything."""
    if not kept:
        return ["The machine was destroyed again; --keep leaves it running."]
    machine = values["machine"]
    return [
        f"The site: {values['url']}",
        f"  look inside        toque kitchen login {machine}",
        f"  undo a release     cd {directory} && toque rollback thena",
        f"  remove everything  toque kitchen destroy {machine} && rm -r {directory}",
    ]
