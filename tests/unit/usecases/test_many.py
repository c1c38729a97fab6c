"""Many nodes together: what each is told, what a lost one gets, and what the balancer hears."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest

from toque.adapters.memory import MemoryTransport
from toque.errors import ToqueError, Unreachable
from toque.fleet.app import App
from toque.fleet.node import Node
from toque.fleet.release import Release
from toque.fleet.source import Source
from toque.node.model import Facts, Outcome, Plan, Report, Status, Step
from toque.node.wire import plan_from, report_json
from toque.usecases import many
from toque.usecases.converge import Parcel
from toque.usecases.lifecycle import Delivery
from toque.usecases.many import Many
from toque.usecases.place import Place

APP = App("hello", "repo", "web", balancer="lb")
OLD, NEW = "0" * 12 + "-000000", "1" * 12 + "-111111"
KINDS = ("checkout", "migration", "instance", "current", "retired")
BACK = ("instance", "current", "retired")


@dataclass
class Fake:
    """A node that does what it is told, but for kinds of steps that fail the new release.

    ``lost`` counts how many connections it does not answer once a rehearsal was begun there.
    """

    name: str
    fails: str = ""
    lost: int = 0
    fresh: bool = False  # it served nothing before
    ran: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    began: bool = False

    @property
    def place(self) -> Place:
        return Place(Node(self.name, "local", "web"), MemoryTransport(self.main, self.name))

    def main(self, argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> int:
        def say(event: Mapping[str, Any]) -> None:
            stdout.write(json.dumps(event).encode() + b"\n")

        if self.began and self.lost:
            self.lost -= 1
            return 1
        releases = [{"id": OLD, "commit": "0" * 40, "current": True, "deployed_at": "x"}]
        kept = [] if self.fresh else releases
        say({"type": "facts", "facts": dataclasses.asdict(Facts()), "releases": kept})
        line = stdin.readline()
        if not line:
            return 0
        order = json.loads(line)
        plan = plan_from(order["plan"])
        kinds = tuple(step.kind for step in plan.steps)
        self.began = self.began or "instance" in kinds
        self.ran.append((plan.name, kinds))
        bad = self.fails in kinds and plan.name.endswith(NEW)
        outcomes = tuple(
            Outcome(
                step.id,
                Status.FAILED if bad and step.kind == self.fails else Status.OK,
                trouble={"code": "instance-exited", "message": "no"} if bad else None,
            )
            for step in plan.steps
        )
        report = Report(order["run"], plan.name, order["digest"], "apply", outcomes)
        say({"type": "report", "report": report_json(report)})
        return 0


@dataclass
class Scene:
    nodes: list[Fake]
    heard: list[frozenset[str]]
    moves: list[str]
    run: Callable[[], list[many.Served]]

    def told(self, name: str) -> list[tuple[str, ...]]:
        """The kinds of each run on a node."""
        return [kinds for node in self.nodes if node.name == name for _, kinds in node.ran]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Scene]:
    def make(*nodes: Fake, **options: Any) -> Scene:
        heard: list[frozenset[str]] = []
        moves: list[str] = []
        delivery = Delivery(APP, Release(NEW, "hello", "1" * 40), Source(b""), {})
        monkeypatch.setattr(many, "delivery_of", lambda *a, **k: delivery)
        monkeypatch.setattr(many, "PAUSE_S", 0.0)
        monkeypatch.setattr("toque.usecases.converge.REATTACH_WAITS_S", (0.0,))
        monkeypatch.setattr(many.setting, "setup", lambda *a, out, **k: heard.append(out))
        site: Any = SimpleNamespace(
            by="me",
            project=SimpleNamespace(repository=lambda app: "repo"),
            open_repository=lambda where: None,
        )

        def compile_(place: Place, session: Any, what: Delivery) -> tuple[Release, Parcel]:
            kinds = BACK if what.source.kept else KINDS
            steps = tuple(Step(f"{kind}:x", kind, {}, "r.py:1") for kind in kinds)
            return what.release, Parcel(Plan(f"deploy hello {what.release.id}", steps))

        made = Many(
            site, APP, [node.place for node in nodes], "main", compile_,
            lambda name: lambda event: None, tmp_path, on=lambda node, what, scale: what,
            balancers=[Fake("lb1").place], members=[node.name for node in nodes],
            say=moves.append, **options,
        )  # fmt: skip
        return Scene(list(nodes), heard, moves, made.run)

    return make


def test_all_build_before_any_proves_and_all_prove_before_any_switches(
    scene: Callable[..., Scene],
) -> None:
    here = scene(Fake("web1"), Fake("web2"), first=("web1",))

    served = here.run()

    parts = [KINDS[:1], KINDS[1:3], KINDS[2:]]
    assert [here.told(name) for name in ("web1", "web2")] == [parts, parts]
    assert here.moves == [
        "build: web1, web2", "prove: web1", "prove: web2",
        "take out: web1", "switch: web1", "put in: web1",
        "take out: web2", "switch: web2", "put in: web2",
    ]  # fmt: skip
    one, two = frozenset({"web1"}), frozenset({"web2"})
    assert here.heard == [one, frozenset(), two, frozenset()]
    assert [(s.node, len(s.report.outcomes)) for s in served] == [("web1", 6), ("web2", 6)]


def test_the_first_failure_puts_all_back_and_says_so(scene: Callable[..., Scene]) -> None:
    here = scene(Fake("web1"), Fake("web2", fails="current"), Fake("web3"))

    with pytest.raises(ToqueError) as caught:
        here.run()

    assert caught.value.code == "instance-exited"
    assert caught.value.trouble.message == "web2: no; put back: web1, web2, web3"
    for name in ("web1", "web2", "web3"):
        assert here.told(name)[-1] == BACK
    assert [node.ran[-1][0] for node in here.nodes] == [f"deploy hello {OLD}"] * 3
    assert here.heard[-1] == frozenset()


def test_a_build_that_fails_starts_nothing_anywhere(scene: Callable[..., Scene]) -> None:
    here = scene(Fake("web1"), Fake("web2", fails="checkout"))

    with pytest.raises(ToqueError):
        here.run()

    assert here.told("web1") == [KINDS[:1]]
    assert here.heard == []


def test_a_node_that_comes_again_in_time_is_put_back(scene: Callable[..., Scene]) -> None:
    here = scene(Fake("web1"), Fake("web2", lost=6))

    with pytest.raises(Unreachable) as caught:
        here.run()

    assert here.told("web2")[-1] == BACK
    assert "put back: web1, web2" in caught.value.trouble.message


def test_a_node_that_stays_away_is_kept_out_and_named(scene: Callable[..., Scene]) -> None:
    here = scene(Fake("web1"), Fake("web2", lost=10**6), patience_s=0.05)

    with pytest.raises(Unreachable) as caught:
        here.run()

    message = caught.value.trouble.message
    assert "put back: web1; could not be put back: web2" in message
    assert here.told("web1")[-1] == BACK
    assert here.heard[-1] == frozenset({"web2"})
    assert "kept out of the balancer: web2" in message


def test_first_releases_cannot_be_put_back_and_that_is_said(scene: Callable[..., Scene]) -> None:
    here = scene(Fake("web1", fresh=True), Fake("web2", fresh=True, fails="current"))

    with pytest.raises(ToqueError) as caught:
        here.run()

    assert "could not be put back: web1, web2" in caught.value.trouble.message
    assert here.heard[-1] == frozenset({"web2"})  # web1 serves the new one; web2 nobody knows


def test_a_bug_of_ours_puts_all_back_before_it_is_told(
    scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = scene(Fake("web1"), Fake("web2"))
    real = Many._switch

    def broken(self: Many, place: Place, then: Any) -> None:
        real(self, place, then)
        raise RuntimeError("ours")

    monkeypatch.setattr(Many, "_switch", broken)
    with pytest.raises(RuntimeError, match="ours"):
        here.run()

    assert [here.told(name)[-1] for name in ("web1", "web2")] == [BACK, BACK]
