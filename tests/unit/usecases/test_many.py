"""Many nodes together: what each is told, what a lost one gets, and what the balancer hears."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
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
    python: str = "3.11.2"
    packed: bytes = b""  # what it gives others of its environment
    holds: bool = False  # it has the environment already
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
        if argv[0] == "pack":
            digest = hashlib.sha256(self.packed).hexdigest()
            say({"type": "part", "data": base64.b64encode(self.packed).decode()})
            say({"type": "packed", "sha256": digest, "size": len(self.packed) or 1})
            return 0
        facts = dataclasses.asdict(Facts(python=self.python))
        say({"type": "facts", "facts": facts, "releases": kept})
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
                self._status(step, bad),
                trouble={"code": "instance-exited", "message": "no"} if bad else None,
            )
            for step in plan.steps
        )
        report = Report(order["run"], plan.name, order["digest"], "apply", outcomes)
        say({"type": "report", "report": report_json(report)})
        return 0

    def _status(self, step: Step, bad: bool) -> Status:
        if bad and step.kind == self.fails:
            return Status.FAILED
        return Status.CHANGED if step.kind == "venv" and not self.holds else Status.OK


@dataclass
class Scene:
    nodes: list[Fake]
    heard: list[frozenset[str]]
    moves: list[str]
    run: Callable[[], list[many.Served]]
    given: dict[str, bytes | None]  # what each was given of another's environment

    def told(self, name: str) -> list[tuple[str, ...]]:
        """The kinds of each run on a node."""
        return [kinds for node in self.nodes if node.name == name for _, kinds in node.ran]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Scene]:
    def make(*nodes: Fake, app: App = APP, **options: Any) -> Scene:
        given: dict[str, bytes | None] = {}
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
            kinds = ("venv", *kinds) if app.build_once else kinds
            packed = what.source.packed
            path = what.files[packed.sha256][1] if packed else None
            given[place.node.name] = path.read_bytes() if path else None
            fields = {"app": "hello", "path": f"/srv/www/hello/venvs/{'0' * 16}"}
            steps = tuple(Step(f"{kind}:x", kind, fields, "r.py:1") for kind in kinds)
            return what.release, Parcel(Plan(f"deploy hello {what.release.id}", steps))

        options.setdefault("members", [node.name for node in nodes])
        options.setdefault("balancers", [Fake("lb1").place])
        made = Many(
            site, app, [node.place for node in nodes], "main", compile_,
            lambda name: lambda event: None, tmp_path, on=lambda node, what, scale: what,
            say=moves.append, **options,
        )  # fmt: skip
        return Scene(list(nodes), heard, moves, made.run, given)

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


def test_a_kept_release_is_gone_back_to_as_a_new_one_is_deployed(
    scene: Callable[..., Scene],
) -> None:
    older = {"id": "2" * 12 + "-222222", "commit": "2" * 40}
    here = scene(Fake("web1"), Fake("web2"), kept={"web1": older, "web2": older},
                 first=("web1", "web2"))  # fmt: skip

    served = here.run()

    assert {one.built.release.id for one in served} == {older["id"]}
    assert here.told("web1") == [(), BACK[:1], BACK]
    assert here.moves == [
        "build: web1, web2", "prove: web1, web2",
        "take out: web1", "switch: web1", "put in: web1",
        "take out: web2", "switch: web2", "put in: web2",
    ]  # fmt: skip


def balancer(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, answers: Callable[[int], bool]
) -> list[int]:
    """Have the balancer hear only those of its orders for which ``answers`` holds."""
    heard: list[int] = []
    real = many.setting.setup

    def told(*argv: Any, **more: Any) -> Any:
        heard.append(len(heard) + 1)
        if not answers(heard[-1]):
            raise Unreachable("host-unreachable", "lb1 is not there")
        return real(*argv, **more)

    monkeypatch.setattr(many.setting, "setup", told)
    return heard


def test_a_balancer_that_is_gone_for_a_moment_is_waited_for(
    scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = scene(Fake("web1"), Fake("web2"))
    balancer(here, monkeypatch, lambda order: order not in {2, 3, 4})

    here.run()

    one, two = frozenset({"web1"}), frozenset({"web2"})
    assert here.heard == [one, frozenset(), two, frozenset()]


def test_a_balancer_that_stays_away_is_named_with_what_it_has_not_heard(
    scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = scene(Fake("web1"), Fake("web2"), patience_s=0.05)
    heard = balancer(here, monkeypatch, lambda order: order == 1)

    with pytest.raises(Unreachable) as caught:
        here.run()

    assert here.moves[-3:] == ["put in: web1", "put back: web1, web2", "put in: web1"]
    assert [here.told(name)[-1] for name in ("web1", "web2")] == [BACK, BACK]
    message = caught.value.trouble.message
    assert message == ("lb1 is not there; put back: web1, web2; the balancer was not told of: web1")
    assert "toque converge lb1 --event configure" in caught.value.trouble.hint
    assert len(heard) > 3  # it was waited for


def test_a_balancer_that_cannot_be_reached_at_all_is_known_before_anything_is_begun(
    scene: Callable[..., Scene],
) -> None:
    dead = Fake("lb1", lost=10**6, began=True)
    here = scene(Fake("web1"), Fake("web2"), balancers=[dead.place])

    with pytest.raises(Unreachable):
        here.run()

    assert here.moves == ["build: web1, web2"]
    assert here.told("web1") == []


def test_a_node_that_is_down_ends_it_before_anything_is_begun_and_may_be_left_out(
    scene: Callable[..., Scene],
) -> None:
    down = Fake("web2", lost=10**6, began=True)
    here = scene(Fake("web1"), down)

    with pytest.raises(Unreachable) as caught:
        here.run()

    assert here.told("web1") == [KINDS[:1]]
    assert caught.value.trouble.message.endswith("nothing was begun on any node")
    assert "--without web2" in caught.value.trouble.hint


def test_a_node_that_is_left_out_gets_no_visitors(scene: Callable[..., Scene]) -> None:
    here = scene(Fake("web1"), Fake("web3"), members=("web1", "web2", "web3"), away=("web2",))

    here.run()

    assert here.moves[2:] == [
        "prove: web3", "take out: web2",
        "take out: web1", "switch: web1", "put in: web1",
        "take out: web3", "switch: web3", "put in: web3",
    ]  # fmt: skip
    assert all("web2" in out for out in here.heard)


ONCE = dataclasses.replace(APP, build_once=True)


def test_one_of_each_kind_builds_and_the_others_get_what_it_has(
    scene: Callable[..., Scene],
) -> None:
    nodes = [
        Fake("web1", packed=b"one"), Fake("web2"), Fake("web3", python="3.13.1", packed=b"three"),
        Fake("web4"), Fake("web5", python="3.13.1"),
    ]  # fmt: skip
    here = scene(*nodes, app=ONCE)

    here.run()

    assert here.given == {
        "web1": None, "web2": b"one", "web3": None, "web4": b"one", "web5": b"three",
    }  # fmt: skip
    assert [node.ran[0][1][0] for node in nodes] == ["venv"] * 5


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (Fake("web1", holds=True, packed=b"one"), []),  # nothing was built
        (
            Fake("web1"),
            ["what web1 has built stays there: the node sent what it has built wrongly"],
        ),
        (Fake("web1", fails="checkout", packed=b"one"), []),
    ],
)
def test_what_cannot_be_sent_is_built_by_each(
    scene: Callable[..., Scene], first: Fake, said: list[str]
) -> None:
    here = scene(first, Fake("web2"), app=ONCE)

    if first.fails:
        with pytest.raises(ToqueError, match="no"):
            here.run()
    else:
        here.run()

    assert here.given["web2"] is None
    assert [move for move in here.moves if "built" in move] == said


def test_each_builds_for_itself_unless_it_is_asked_for(scene: Callable[..., Scene]) -> None:
    here = scene(Fake("web1", packed=b"one"), Fake("web2"))

    here.run()

    assert here.given == {"web1": None, "web2": None}
