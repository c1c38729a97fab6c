"""The node's program, started as on a node: by the bootstrap, in a process of its own."""

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from toque.adapters import shipping
from toque.adapters.local import LocalTransport
from toque.adapters.pipe import PipeChannel
from toque.node import blobs, journal
from toque.node.__main__ import Speaker
from toque.node.masking import masker
from toque.node.model import Plan, Step
from toque.node.resources.command import Command
from toque.node.resources.file import File
from toque.node.run import Walker
from toque.node.sight.made import last_made_from
from toque.node.values import Blob, Secret
from toque.node.wire import digest, encode_value, plan_json

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files are written as root")

RUN = "20260101T000000-abc123"
LOOP = """
import os, sys, time
for _ in range(%d):
    if os.path.exists(sys.argv[1]):
        sys.exit()
    time.sleep(0.05)
sys.exit(1)
"""
PASSWORD = 'pa"ss\\wörd/+=1'


def step(resource: Any, secrets: Optional[Dict[str, str]] = None) -> Step:
    fields = {k: encode_value(v, {} if secrets is None else secrets, {})
              for k, v in vars(resource).items()}  # fmt: skip
    return Step(resource.id, resource.kind, fields)


def waits(gate: Path, name: str = "wait") -> Step:
    """A step that ends when ``gate`` appears (or after a minute)."""
    return step(Command((sys.executable, "-c", LOOP % 1200, str(gate)), name=name, always=True))


def order(plan: Plan, run: str = RUN, **more: Any) -> bytes:
    full = {"run": run, "by": "ada@desk", "plan": plan_json(plan), "digest": digest(plan), **more}
    return json.dumps(full).encode()


class Node:
    """A node of its own state directory."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.transport = LocalTransport(python=sys.executable, state=str(state))

    def start(self, plan: Plan, mode: str = "apply", run: str = RUN, **more: Any) -> PipeChannel:
        channel = self.transport.open([mode])
        channel.send(order(plan, run, **more))
        return channel

    def run(self, plan: Plan, mode: str = "apply", **more: Any) -> List[Dict[str, Any]]:
        with self.start(plan, mode, **more) as channel:
            return [json.loads(line) for line in channel.lines()]

    def ask(self, *argv: str) -> List[Dict[str, Any]]:
        with self.transport.open(argv) as channel:
            return [json.loads(line) for line in channel.lines()]

    def recorded(self, run: str = RUN) -> List[Dict[str, Any]]:
        lines = (self.state / "runs" / run / "events.jsonl").read_bytes().splitlines()
        return [json.loads(line) for line in lines]

    def ended(self) -> None:
        """Wait until nothing runs on the node."""
        until = time.monotonic() + 60
        while journal.holder_of(str(self.state)) is not None:
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "state")


def until(channel: PipeChannel, kind: str, **wanted: str) -> Dict[str, Any]:
    while True:
        line = channel.read_line(30.0)
        assert line is not None, "the node fell silent"
        event: Dict[str, Any] = json.loads(line)
        if event["type"] == kind and all(event.get(k) == v for k, v in wanted.items()):
            return event


def kinds(events: List[Dict[str, Any]]) -> List[str]:
    return [event["type"] for event in events]


def test_a_run_keeps_and_reports_what_its_plan_was_made_from(node: Node) -> None:
    made = {"toque": "1", "lock": "ab"}

    told = node.run(Plan("setup web1", ()), made_from=made)

    assert told[-1]["report"]["made_from"] == made
    assert node.recorded()[0]["made_from"] == made
    assert node.ask("runs")[-1]["runs"][0]["made_from"] == made
    assert last_made_from(str(node.state)) == {"setup": made}


def test_state_lies_where_the_runtime_was_unpacked(node: Node, tmp_path: Path) -> None:
    target = tmp_path / "a"

    events = node.run(Plan("p", (step(File(str(target), content="text\n")),)))

    assert kinds(events) == ["facts", "start", "step", "outcome", "report"]
    assert events[-1]["report"]["outcomes"][0]["status"] == "changed"
    assert target.read_text() == "text\n"
    assert node.recorded() == events[1:]
    assert {"lock", "token", "runs", "rt", "blobs"} <= set(os.listdir(node.state))


def test_check_changes_nothing_takes_no_lock_and_leaves_no_record(
    node: Node, tmp_path: Path
) -> None:
    events = node.run(Plan("p", (step(File(str(tmp_path / "a"), content="x")),)), "check")

    assert events[-1]["report"]["outcomes"][0]["status"] == "would-change"
    assert not (tmp_path / "a").exists()
    assert set(os.listdir(node.state)) == {"rt", "blobs", "seal.key"}


def test_walk_goes_on_when_the_program_on_the_wire_is_killed(node: Node, tmp_path: Path) -> None:
    plan = Plan("p", (waits(tmp_path / "gate"), step(File(str(tmp_path / "after"), content="x"))))
    channel = node.start(plan)
    until(channel, "step")
    os.killpg(channel._process.pid, signal.SIGKILL)  # what sshd does to its child, and worse
    channel.__exit__()

    (tmp_path / "gate").touch()
    node.ended()

    assert (tmp_path / "after").read_text() == "x"
    assert node.recorded()[-1]["type"] == "report"
    assert [o["status"] for o in node.recorded()[-1]["report"]["outcomes"]] == ["changed"] * 2


def test_stop_ends_after_the_current_step_and_the_rest_is_not_run(
    node: Node, tmp_path: Path
) -> None:
    plan = Plan("p", (waits(tmp_path / "gate"), step(File(str(tmp_path / "after"), content="x"))))
    with node.start(plan) as channel:
        until(channel, "step")
        channel.send(b'{"type": "stop"}')
        time.sleep(0.2)  # the signal is not seen before the step ends: nothing to wait for
        (tmp_path / "gate").touch()
        report = until(channel, "report")["report"]

    assert [o["status"] for o in report["outcomes"]] == ["changed", "not-run"]
    assert not (tmp_path / "after").exists()


def test_stop_right_behind_the_order_stops_and_kills_nothing(node: Node, tmp_path: Path) -> None:
    channel = node.transport.open(["apply"])
    target = step(File(str(tmp_path / "a"), content="x"))
    with channel:
        channel.send(order(Plan("p", (target,))) + b'\n{"type": "stop"}')
        report = until(channel, "report")["report"]

    assert [o["status"] for o in report["outcomes"]] in (["not-run"], ["changed"])


def test_attach_tells_from_the_beginning_follows_and_can_stop(node: Node, tmp_path: Path) -> None:
    plan = Plan(
        "p",
        (
            waits(tmp_path / "one", "one"),
            waits(tmp_path / "two", "two"),
            step(File(str(tmp_path / "after"), content="x")),
        ),
    )
    with node.start(plan) as channel:
        until(channel, "step", id="command:one")
    with node.transport.open(["attach", RUN]) as channel:
        until(channel, "start")
        until(channel, "step", id="command:one")
        (tmp_path / "one").touch()
        until(channel, "step", id="command:two")  # told as it happens
        channel.send(b'{"type": "stop"}')
        while not Path(journal.stop_path(str(node.state), RUN)).exists():
            time.sleep(0.01)
        (tmp_path / "two").touch()
        report = until(channel, "report")["report"]

    assert [o["status"] for o in report["outcomes"]] == ["changed", "changed", "not-run"]


def test_attach_to_a_finished_run_tells_all_of_it(node: Node, tmp_path: Path) -> None:
    events = node.run(Plan("p", (step(File(str(tmp_path / "a"), content="x")),)))

    assert node.ask("attach", RUN) == events[1:]


def test_runs_are_listed_with_how_they_ended(node: Node, tmp_path: Path) -> None:
    node.run(Plan("right", (step(File(str(tmp_path / "a"), content="x")),)), run=f"{RUN}1")
    node.run(Plan("wrong", (step(File(str(tmp_path / "b/c"), content="x")),)), run=f"{RUN}2")
    node.run(Plan("killed", ()), run=f"{RUN}3")
    record = Path(journal.events_path(str(node.state), f"{RUN}3"))
    record.write_bytes(record.read_bytes().splitlines(keepends=True)[0])

    (answer,) = node.ask("runs")

    assert answer["holder"] is None
    assert [(run["plan"], run["finished"], run["ended"]) for run in answer["runs"]] == [
        ("right", True, "succeeded, 1 changed"),
        ("wrong", True, f"failed at file:{tmp_path}/b/c, 0 changed before"),
        ("killed", False, "did not end (killed, or still going on)"),
    ]


@pytest.mark.parametrize("torn", [b"", b'{"type": "outc'])
def test_attach_to_a_run_that_was_killed_says_so(node: Node, torn: bytes) -> None:
    """A power cut may leave half a line; that must neither be told nor waited for."""
    node.run(Plan("p", ()))
    record = Path(journal.events_path(str(node.state), RUN))
    record.write_bytes(record.read_bytes().splitlines(keepends=True)[0] + torn)

    events = node.ask("attach", RUN)

    assert kinds(events) == ["start", "refused"]
    assert events[-1]["code"] == "run-broken-off"


@pytest.mark.parametrize("name", ["20990101T000000-ffffff", "../../etc", ".."])
def test_attach_to_what_is_no_run(node: Node, name: str) -> None:
    node.run(Plan("p", ()))

    events = node.ask("attach", name)

    assert events == [{"type": "refused", "code": "run-unknown", "found": name}]


def test_walk_killed_outright_frees_the_node_and_keeps_what_was_said(
    node: Node, tmp_path: Path
) -> None:
    with node.start(Plan("p", (waits(tmp_path / "gate"),))) as channel:
        until(channel, "step")
        (walk,) = subprocess.run(
            ["pgrep", "-P", str(channel._process.pid)], capture_output=True, text=True
        ).stdout.split()
        os.kill(int(walk), signal.SIGKILL)
        rest = [json.loads(line) for line in channel.lines()]
    (tmp_path / "gate").touch()

    assert "report" not in kinds(rest)
    assert journal.holder_of(str(node.state)) is None
    assert kinds(node.recorded())[:2] == ["start", "step"]
    assert node.ask("attach", RUN)[-1]["code"] == "run-broken-off"


def test_second_run_is_refused_and_told_who_holds_the_node(node: Node, tmp_path: Path) -> None:
    with node.start(Plan("the first", (waits(tmp_path / "gate"),))) as channel:
        until(channel, "step")
        refused = node.run(Plan("the second", ()), run="20260101T000001-def456")[-1]
        (tmp_path / "gate").touch()
        until(channel, "report")

    assert (refused["type"], refused["code"]) == ("refused", "node-busy")
    assert refused["holder"]["by"] == "ada@desk"
    assert refused["holder"]["plan"] == "the first"
    assert time.time() - refused["holder"]["since"] < 120
    assert journal.last_runs(str(node.state)) == [RUN]


def test_plan_that_is_not_what_its_digest_says_is_refused(node: Node, tmp_path: Path) -> None:
    plan = Plan("p", (step(File(str(tmp_path / "a"), content="x")),))

    events = node.run(plan, digest="0" * 64)

    assert (events[-1]["type"], events[-1]["code"]) == ("refused", "plan-altered")
    assert not (tmp_path / "a").exists()


def test_connection_that_ends_without_an_order_changes_nothing(node: Node) -> None:
    with node.transport.open(["apply"]) as channel:
        channel.close_input()
        events = [json.loads(line) for line in channel.lines()]
        status = channel.wait()

    assert (kinds(events), status) == (["facts"], 0)
    assert os.listdir(node.state) == ["rt"]


def test_blob_is_asked_for_once_verified_and_used(node: Node, tmp_path: Path) -> None:
    data = bytes(range(256)) * 8000
    blob = Blob(hashlib.sha256(data).hexdigest(), len(data))
    plan = Plan("p", (step(File(str(tmp_path / "a"), content=blob)),))
    named = [{"sha256": blob.sha256, "size": blob.size}]
    with node.start(plan, blobs=named) as channel:
        assert until(channel, "need-blobs")["blobs"] == [blob.sha256]
        channel.send_bytes(data)
        until(channel, "report")
    again = node.run(plan, run="20260101T000001-def456", blobs=named)

    assert (tmp_path / "a").read_bytes() == data
    assert [e["blobs"] for e in again if e["type"] == "need-blobs"] == [[]]


@pytest.mark.parametrize("sent", [b"y" * 1000, b"x" * 10])
def test_altered_or_cut_blob_is_not_kept_and_nothing_is_done(
    node: Node, tmp_path: Path, sent: bytes
) -> None:
    sha256 = hashlib.sha256(b"x" * 1000).hexdigest()
    plan = Plan("p", (step(File(str(tmp_path / "a"), content="x")),))
    with node.start(plan, blobs=[{"sha256": sha256, "size": 1000}]) as channel:
        until(channel, "need-blobs")
        channel.send_bytes(sent)
        channel.close_input()
        assert list(channel.lines()) == []

    assert os.listdir(node.state / "blobs") == []
    assert not (tmp_path / "a").exists()


def test_unused_blobs_go_after_a_week_and_half_sent_ones_after_an_hour(tmp_path: Path) -> None:
    for name in ("a" * 64, "b" * 64, "c" * 64 + ".99"):
        (tmp_path / name).touch()
    now = time.time()
    os.utime(tmp_path / ("a" * 64), (0, now - blobs.KEPT_S - 1))
    os.utime(tmp_path / ("c" * 64 + ".99"), (0, now - blobs.STALE_S - 1))

    blobs.prune(str(tmp_path), now)

    assert os.listdir(tmp_path) == ["b" * 64]


def test_owed_restart_survives_a_stop_and_is_told(node: Node, tmp_path: Path) -> None:
    """The file changes, the run ends before the target; the next run still owes it."""
    told = Command((sys.executable, "-c", f"open({str(tmp_path / 'n')!r}, 'a').write('x')"),
                   name="told", only_notified=True)  # fmt: skip
    changed = step(File(str(tmp_path / "a"), content="x"))
    plan = Plan(
        "p",
        (
            Step(changed.id, changed.kind, changed.fields, notify=(told.run,)),
            waits(tmp_path / "gate"),
            step(told),
        ),
    )
    with node.start(plan) as channel:
        until(channel, "step", id="command:wait")
        channel.send(b'{"type": "stop"}')
        time.sleep(0.2)
        (tmp_path / "gate").touch()
        first = until(channel, "report")["report"]
    second = node.run(plan, run="20260101T000001-def456")[-1]["report"]
    third = node.run(plan, run="20260101T000002-def456")[-1]["report"]

    assert first["owed"] == [["command:told", "run"]]
    assert second["outcomes"][2]["actions"] == ["run"]
    assert (second["owed"], third["owed"]) == ([], [])
    assert (tmp_path / "n").read_text() == "x"


def test_killed_run_ends_in_one_way_and_what_it_answered_is_not_answered_again(
    node: Node, tmp_path: Path
) -> None:
    """Killed between two actions that it owes: the first was answered, the second was not."""
    first, second = (
        Command((sys.executable, "-c", f"open({str(tmp_path / name)!r}, 'a').write('x')"),
                name=name, only_notified=True)
        for name in ("first", "second")
    )  # fmt: skip
    changed = step(File(str(tmp_path / "a"), content="x"))
    plan = Plan(
        "p",
        (
            Step(changed.id, changed.kind, changed.fields, notify=(first.run, second.run)),
            step(first),
            waits(tmp_path / "gate"),
            step(second),
        ),
    )
    with node.start(plan) as channel:
        until(channel, "step", id="command:wait")
        (walk,) = subprocess.run(
            ["pgrep", "-P", str(channel._process.pid)], capture_output=True, text=True
        ).stdout.split()
        os.kill(int(walk), signal.SIGKILL)
    (tmp_path / "gate").touch()
    node.ended()

    told = node.ask("attach", RUN)
    again = node.ask("attach", RUN)
    report = node.run(plan, run="20260101T000001-def456")[-1]["report"]

    assert told == again
    assert [kind for kind in kinds(told) if kind in ("report", "refused")] == ["refused"]
    assert told[-1]["code"] == "run-broken-off"
    assert [outcome.get("actions", []) for outcome in report["outcomes"]] == [[], [], [], ["run"]]
    assert report["owed"] == []
    assert (tmp_path / "first").read_text() == (tmp_path / "second").read_text() == "x"


def test_secret_is_masked_in_what_is_sent_and_in_what_is_recorded(
    node: Node, tmp_path: Path
) -> None:
    script = "import os, sys; print(dict(os.environ), os.environ['P']); sys.exit(3)"
    texts: Dict[str, str] = {}
    plan = Plan(
        "p",
        (
            step(File(str(tmp_path / "a"), content=Secret("db", PASSWORD), mode=0o600), texts),
            step(
                Command(
                    (sys.executable, "-c", script), env={"P": Secret("db", PASSWORD)}, always=True
                ),
                texts,
            ),
        ),
    )

    events = node.run(plan, secrets=texts)

    trouble = events[-1]["report"]["outcomes"][1]["trouble"]
    everything = json.dumps(events, ensure_ascii=False) + json.dumps(events)
    for path in (node.state / "runs" / RUN).iterdir():
        everything += path.read_text()
    assert (tmp_path / "a").read_text() == PASSWORD  # it did reach its place
    assert trouble["log"][-1].endswith("***")
    assert "ss\\\\w" not in everything
    assert "rd/+=1" not in everything


@pytest.mark.parametrize(
    "shown",
    [
        PASSWORD,
        f"password={PASSWORD}, retrying",
        json.dumps({"p": PASSWORD}),
        repr({"p": PASSWORD}),
        "postgresql://thena:pa%22ss%5Cw%C3%B6rd%2F%2B%3D1@localhost/thena",
    ],
)
def test_mask_knows_how_programs_spell_a_text(shown: str) -> None:
    masked = masker({"db": PASSWORD})({"log": [shown]})["log"][0]

    assert "***" in masked
    assert "rd" not in masked.replace("password", "")


def test_mask_covers_each_line_of_a_text_and_leaves_short_words_alone() -> None:
    mask = masker({"key": "BEGIN KEY\nabcdefgh\nEND", "tiny": "abc"})

    assert mask(["abcdefgh", "x BEGIN KEY y", "abc", 5, None]) == ["***", "x *** y", "abc", 5, None]


def test_full_disk_of_the_record_does_not_end_the_walk(tmp_path: Path) -> None:
    from toque.node.detach import Recorder

    reader, writer = os.pipe()
    recorder = Recorder("/dev/full", writer)
    recorder({"type": "start"})
    recorder({"type": "report"})

    told = os.read(reader, 4096).splitlines()
    os.close(reader)
    os.close(writer)
    assert [json.loads(line)["type"] for line in told] == ["start", "report"]


def test_connection_that_stands_still_does_not_hold_up_the_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toque.node import detach

    monkeypatch.setattr(detach, "PATIENCE_S", 0.05)
    reader, writer = os.pipe()
    recorder = detach.Recorder(str(tmp_path / "events"), writer)
    for _ in range(100):
        recorder({"type": "progress", "text": "x" * 5000})
    os.close(reader)

    assert recorder.wire is None
    assert len((tmp_path / "events").read_bytes().splitlines()) == 100


def test_stop_of_a_check_is_nobodys(tmp_path: Path) -> None:
    """A check writes no record, so there is nothing to attach to and nothing to stop."""
    from toque.node.model import Facts

    said: List[Any] = []
    plan = Plan("p", ())
    Walker(plan, "", {"run": RUN, "by": "ada"}, Facts(), str(tmp_path)).check(said.append)

    assert [event["type"] for event in said] == ["start", "report"]
    assert os.listdir(tmp_path) == ["seal.key"]


@pytest.fixture
def quick(tmp_path: Path) -> Node:
    """A node whose program tells twenty times a second that it is there."""
    source = tmp_path / "source"
    shutil.copytree(Path(blobs.__file__).parent, source)
    main = source / "__main__.py"
    main.write_text(main.read_text().replace("BEAT_S = 10.0", "BEAT_S = 0.05"))
    node = Node(tmp_path / "state")
    node.transport = LocalTransport(
        python=sys.executable, state=str(node.state), runtime=lambda: shipping.pack(source)
    )
    return node


def beats(lines: Iterator[bytes], count: int) -> None:
    """Read until so many beats have come."""
    while count:
        count -= json.loads(next(lines)) == {"type": "beat"}


def test_a_node_tells_that_it_is_there_while_a_step_takes_long(quick: Node, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with quick.start(Plan("p", (waits(gate),))) as channel:
        lines = channel.lines()
        beats(lines, 5)
        gate.touch()
        told = [json.loads(line) for line in lines]

    assert told[-1]["report"]["outcomes"][0]["status"] == "changed"


def test_a_node_tells_that_it_is_there_while_a_check_takes_long(
    quick: Node, tmp_path: Path
) -> None:
    """Where no child does the work that may take long."""
    gate = tmp_path / "gate"
    guard = (sys.executable, "-c", LOOP % 100, str(gate))
    plan = Plan("p", (step(Command(("true",), unless=guard)),))
    with quick.start(plan, "check") as channel:
        lines = channel.lines()
        beats(lines, 5)
        gate.touch()
        told = [json.loads(line) for line in lines]

    assert told[-1]["report"]["outcomes"][0]["status"] == "ok"


def test_a_node_that_attaches_tells_that_it_is_there(quick: Node, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with quick.start(Plan("p", (waits(gate),))) as channel:
        next(line for line in channel.lines() if b'"step"' in line)
    with quick.transport.open(["attach", RUN]) as channel:
        lines = channel.lines()
        beats(lines, 5)
        gate.touch()
        assert b"report" in list(lines)[-1]


def test_a_sign_of_life_never_breaks_a_line() -> None:
    """What is copied from a walk comes in parts of any size."""
    told = io.BytesIO()
    say = Speaker(told)
    for part in (b'{"type": "out', b'come"}\n'):
        say.line(part)
        say.beat(0, None)

    assert [json.loads(line)["type"] for line in told.getvalue().splitlines()] == [
        "outcome",
        "beat",
    ]
