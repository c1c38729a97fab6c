"""A parcel carried to a node that answers well, badly, or not at all."""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from toque.adapters import pipe, ssh
from toque.adapters.memory import MemoryTransport
from toque.adapters.pipe import PipeChannel
from toque.adapters.starting import started
from toque.errors import Failed, ToqueError, Unreachable
from toque.node.__main__ import BEAT_S
from toque.node.model import Facts, Outcome, Plan, Report, Status, Step
from toque.node.values import Blob
from toque.node.wire import digest, outcome_json, report_json
from toque.usecases import converge as carry
from toque.usecases.converge import Parcel, Session, StepError, Stop

PLAN = Plan("setup web", (Step("file:/a", "file", {"path": "/a"}),))
PARCEL = Parcel(PLAN)
FACTS = {"type": "facts", "facts": asdict(Facts(hostname="web1"))}
DONE = Outcome("file:/a", Status.CHANGED)
FAILED = Outcome(
    "file:/a",
    Status.FAILED,
    place="recipe.py:3",
    trouble={"code": "disk-full", "message": "cannot write", "hint": "df", "log": ["one", "two"]},
)
Main = Callable[[list[str], BinaryIO, BinaryIO], int | None]


class Cut(Exception):
    """The connection broke here."""


class Breaking(MemoryTransport):
    """A transport whose program, when it raises ``Cut``, is a lost connection."""

    def open(self, argv: Any) -> Any:
        channel = super().open(argv)
        lines, tail = channel.lines, type(channel).stderr_tail

        def cut() -> Iterable[bytes]:
            yield from lines()
            if any("Cut" in line for line in tail.__get__(channel)):
                raise Unreachable("connection-lost", "the connection broke")

        channel.lines = cut  # type: ignore[method-assign,assignment]
        return channel


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(carry.time, "sleep", waited.append)
    return waited


def tell(out: BinaryIO, *events: object) -> None:
    for event in events:
        out.write((event if isinstance(event, bytes) else json.dumps(event).encode()) + b"\n")
        out.flush()


def start(order: dict[str, Any]) -> dict[str, Any]:
    return {"type": "start", "run": order["run"], "plan": order["plan"]["name"]}


def report(order: dict[str, Any], *outcomes: Outcome) -> dict[str, Any]:
    made = Report(order["run"], order["plan"]["name"], order["digest"], "apply", outcomes, token=1)
    return {"type": "report", "report": report_json(made)}


def node(answer: Callable[[dict[str, Any], BinaryIO, BinaryIO], None]) -> Main:
    """A node that tells its facts, reads the order and then does as it is told."""

    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        tell(stdout, FACTS)
        line = stdin.readline()
        if line:
            answer(json.loads(line), stdin, stdout)

    return main


def good(order: dict[str, Any], stdin: BinaryIO, out: BinaryIO) -> None:
    tell(out, start(order), {"type": "step", "id": "file:/a"})
    tell(out, {"type": "outcome", "outcome": outcome_json(DONE)}, report(order, DONE))


def converge(transport: MemoryTransport, parcel: Parcel = PARCEL) -> tuple[Report, list[Any]]:
    seen: list[Any] = []
    return carry.converge(transport, parcel, by="ada@desk", watch=seen.append), seen


def fails(transport: MemoryTransport, parcel: Parcel = PARCEL) -> ToqueError:
    with pytest.raises(ToqueError) as caught:
        converge(transport, parcel)
    return caught.value


def test_report_comes_back_and_events_are_watched_in_order() -> None:
    transport = MemoryTransport(node(good))

    told, seen = converge(transport)

    assert (told.changed, told.outcomes) == (1, (DONE,))
    assert [event["type"] for event in seen] == ["facts", "start", "step", "outcome"]
    assert transport.opened == [("apply",)]  # one connection


def test_a_clock_that_is_far_off_is_warned_of_once() -> None:
    def answer(order: dict[str, Any], stdin: BinaryIO, out: BinaryIO) -> None:
        tell(out, {**start(order), "at": 1}, {"type": "warning"}, {"type": "rebooted"})
        tell(out, report(order, DONE))

    _, seen = converge(MemoryTransport(node(answer)))

    warnings = [event["trouble"]["code"] for event in seen if event["type"] == "warning"]
    assert warnings == ["clock-off"]


def plan_of(kind: str) -> Parcel:
    return Parcel(Plan("setup web", (Step(f"{kind}:a", kind, {}),)))


@pytest.mark.parametrize(("kind", "calls"), [("firewall", 1), ("file", 0)])
def test_a_node_is_called_once_and_only_for_a_step_that_may_lock_us_out(
    kind: str, calls: int
) -> None:
    def answer(order: dict[str, Any], stdin: BinaryIO, out: BinaryIO) -> None:
        tell(out, start(order), *[{"type": "call", "id": "a"}] * 5)
        tell(out, report(order, Outcome(f"{kind}:a", Status.CHANGED)))

    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        if argv[0] == "call":
            tell(stdout, {"type": "called"})
        else:
            node(answer)(argv, stdin, stdout)

    transport = MemoryTransport(main)
    converge(transport, plan_of(kind))

    assert [argv[0] for argv in transport.opened].count("call") == calls


@pytest.mark.parametrize(("kind", "waited"), [("reboot", 1), ("file", 0)])
def test_a_node_that_reboots_is_waited_for_if_the_plan_has_it_reboot(
    kind: str, waited: int
) -> None:
    def answer(order: dict[str, Any], stdin: BinaryIO, out: BinaryIO) -> None:
        tell(out, start(order), {"type": "rebooting", "boot": "before"})
        tell(out, report(order, Outcome(f"{kind}:a", Status.CHANGED)))

    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        if argv[0] == "facts":
            tell(stdout, {**FACTS, "boot": "after"})
        else:
            node(answer)(argv, stdin, stdout)

    told, seen = converge(MemoryTransport(main), plan_of(kind))

    assert told.outcomes[0].status is Status.CHANGED
    assert [event["type"] for event in seen].count("rebooted") == waited


def test_a_report_that_the_reboot_cut_off_is_read_afterwards() -> None:
    orders: list[dict[str, Any]] = []

    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        if argv[0] == "facts":
            tell(stdout, {**FACTS, "boot": "after"})
            return
        if argv[0] == "apply":
            tell(stdout, FACTS)
            orders.append(json.loads(stdin.readline()))
        tell(stdout, start(orders[0]), {"type": "rebooting", "boot": "before"})
        if argv[0] == "apply":
            raise Cut
        tell(stdout, report(orders[0], Outcome("reboot:a", Status.CHANGED)))

    told, seen = converge(Breaking(main), plan_of("reboot"))

    assert told.outcomes[0].status is Status.CHANGED
    assert [event["type"] for event in seen] == ["facts", "start", "rebooting", "rebooted"]


def test_order_names_who_asks_and_hashes_the_plan() -> None:
    orders: list[dict[str, Any]] = []

    def answer(order: dict[str, Any], stdin: BinaryIO, out: BinaryIO) -> None:
        orders.append(order)
        good(order, stdin, out)

    converge(MemoryTransport(node(answer)), Parcel(PLAN, secrets={"db": "s3cret"}))

    assert orders[0]["by"] == "ada@desk"
    assert orders[0]["digest"] == digest(PLAN)
    assert orders[0]["secrets"] == {"db": "s3cret"}
    assert "s3cret" not in json.dumps(orders[0]["plan"])


def test_facts_and_releases_come_on_the_same_connection() -> None:
    kept = [{"id": "r1", "commit": "c", "deployed_at": "", "current": True}]

    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        tell(stdout, {**FACTS, "releases": kept})
        stdin.readline()

    transport = MemoryTransport(main)
    with Session(transport, app="thena") as session:
        assert session.facts.hostname == "web1"
        assert session.releases == kept

    assert transport.opened == [("apply", "thena")]


@pytest.mark.parametrize(
    ("outcomes", "broken_off"),
    [((DONE,), False), ((DONE, FAILED), True), ((DONE, Outcome("b", Status.NOT_RUN)), True)],
)
def test_who_watches_gets_the_report_of_a_run_that_ended_early(
    outcomes: tuple[Outcome, ...], broken_off: bool
) -> None:
    told, seen = converge(MemoryTransport(node(lambda o, i, out: tell(out, report(o, *outcomes)))))

    assert ({"type": "broken-off", "report": told} in seen) is broken_off


def test_failed_step_is_an_error_with_the_nodes_own_code_and_words() -> None:
    told, _ = converge(MemoryTransport(node(lambda o, i, out: tell(out, report(o, FAILED)))))

    with pytest.raises(StepError) as caught:
        carry.succeeded(told, "web1")

    trouble = caught.value.trouble
    assert (trouble.code, trouble.message) == ("disk-full", "web1: cannot write")
    assert (trouble.place, trouble.hint, trouble.log) == (
        "recipe.py:3 file:/a",
        "df",
        ("one", "two"),
    )
    assert caught.value.exit_status == 5


def test_stopped_run_is_an_error_that_says_how_to_go_on() -> None:
    rest = Outcome("file:/a", Status.NOT_RUN)
    told, _ = converge(MemoryTransport(node(lambda o, i, out: tell(out, report(o, rest)))))

    with pytest.raises(Failed) as caught:
        carry.succeeded(told, "web1")

    assert caught.value.code == "run-stopped"


def test_blobs_are_sent_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"12345")
    blob = Blob("ab" * 32, 5)
    got: list[bytes] = []

    def answer(order: dict[str, Any], stdin: BinaryIO, out: BinaryIO) -> None:
        tell(out, {"type": "need-blobs", "blobs": [order["blobs"][0]["sha256"]]})
        got.append(stdin.read(order["blobs"][0]["size"]))
        good(order, stdin, out)

    parcel = Parcel(PLAN, blobs={blob.sha256: (blob, tmp_path / "b")})
    converge(MemoryTransport(node(answer)), parcel)

    assert got == [b"12345"]


@pytest.mark.parametrize(
    ("refusal", "code", "status"),
    [
        (
            {"code": "node-busy", "holder": {"by": "bob@desk", "since": 5, "plan": "p"}},
            "node-busy",
            5,
        ),
        ({"code": "plan-altered"}, "plan-altered", 5),
        ({"code": "not-root", "found": "uid 7"}, "not-root", 4),
        ({"code": "node-not-writable", "found": "full"}, "node-not-writable", 4),
        ({"code": "made-up"}, "node-speaks-wrongly", 4),
        ({}, "node-speaks-wrongly", 4),
    ],
)
def test_refusal_is_told_and_not_tried_again(
    refusal: dict[str, Any], code: str, status: int
) -> None:
    transport = MemoryTransport(node(lambda o, i, out: tell(out, {"type": "refused", **refusal})))

    error = fails(transport)

    assert (error.code, error.exit_status) == (code, status)
    assert transport.opened == [("apply",)]


def test_busy_node_says_who_and_since_when() -> None:
    holder = {"by": "bob@desk", "since": 1_700_000_000, "plan": "deploy thena"}
    busy = {"type": "refused", "code": "node-busy", "holder": holder}

    error = fails(MemoryTransport(node(lambda o, i, out: tell(out, busy))))

    assert error.trouble.found.startswith("deploy thena by bob@desk since ")


def test_lost_connection_is_attached_again_and_nothing_is_shown_twice(waits: list[float]) -> None:
    orders: list[dict[str, Any]] = []

    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        if argv[0] == "apply":
            tell(stdout, FACTS)
            orders.append(json.loads(stdin.readline()))
            tell(stdout, start(orders[0]), {"type": "step", "id": "file:/a"})
            raise Cut
        if len(transport.opened) < 3:
            raise Cut
        tell(stdout, start(orders[0]), {"type": "step", "id": "file:/a"})
        tell(stdout, {"type": "outcome", "outcome": outcome_json(DONE)}, report(orders[0], DONE))

    transport = Breaking(main)
    told, seen = converge(transport)

    assert told.changed == 1
    kinds = [event["type"] for event in seen]
    assert kinds == ["facts", "start", "step", "reattach", "reattach", "outcome"]
    assert transport.opened[1:] == [("attach", orders[0]["run"])] * 2
    assert waits == list(carry.REATTACH_WAITS_S[:2])


def test_connection_lost_for_good_says_that_the_run_goes_on() -> None:
    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        if argv[0] == "apply":
            tell(stdout, FACTS)
            tell(stdout, start(json.loads(stdin.readline())))
        raise Cut

    transport = Breaking(main)
    error = fails(transport)

    assert (error.code, error.exit_status) == ("run-lost", 4)
    assert len(transport.opened) == 1 + len(carry.REATTACH_WAITS_S)


class Stopping(Breaking):
    """What was a lost connection is a node that stands still."""

    def open(self, argv: Any) -> Any:
        channel = super().open(argv)
        lines = channel.lines

        def silent() -> Iterable[bytes]:
            try:
                yield from lines()
            except Unreachable as error:
                raise Unreachable("node-silent", "no sign of life") from error

        channel.lines = silent
        return channel


def test_node_that_stands_still_is_told_as_unknown_and_not_as_failed() -> None:
    """Waited for once more, by a new connection, and not for ever."""

    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        if argv[0] == "apply":
            tell(stdout, FACTS)
            tell(stdout, start(json.loads(stdin.readline())))
        raise Cut

    transport = Stopping(main)
    error = fails(transport)

    assert (error.code, error.exit_status) == ("run-lost", 4)
    assert [argv[0] for argv in transport.opened] == ["apply", "attach"]


def test_node_that_stood_still_for_a_while_ends_like_any_other() -> None:
    orders: list[dict[str, Any]] = []

    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        if argv[0] == "apply":
            tell(stdout, FACTS)
            orders.append(json.loads(stdin.readline()))
            tell(stdout, start(orders[0]))
            raise Cut
        tell(stdout, start(orders[0]), {"type": "beat"}, report(orders[0], DONE))

    told, seen = converge(Stopping(main))

    assert told.changed == 1
    assert [event["type"] for event in seen] == ["facts", "start", "reattach"]


def test_it_is_told_within_a_minute_that_nothing_is_known_of_a_node() -> None:
    """Of one that the network has lost: ssh's keepalives, and then each try and its wait."""
    options = dict(option.split("=") for option in ssh.OPTIONS)
    noticed = int(options["ServerAliveInterval"]) * (int(options["ServerAliveCountMax"]) + 1)
    tries = len(carry.REATTACH_WAITS_S) * int(options["ConnectTimeout"])

    assert noticed + sum(carry.REATTACH_WAITS_S) + tries < 60
    assert pipe.SILENCE_S > 4 * BEAT_S
    assert pipe.SILENCE_S < 60


def test_connection_lost_before_the_first_event_is_attached_too() -> None:
    """The node may have the whole order: not having heard from it proves nothing."""
    orders: list[dict[str, Any]] = []

    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        if argv[0] == "apply":
            tell(stdout, FACTS)
            orders.append(json.loads(stdin.readline()))
            raise Cut
        if len(transport.opened) == 2:  # not yet begun
            tell(stdout, {"type": "refused", "code": "run-unknown", "found": argv[1]})
        else:
            tell(stdout, start(orders[0]), report(orders[0], DONE))

    transport = Breaking(main)
    told, _ = converge(transport)

    assert told.changed == 1


def test_run_that_the_node_never_heard_of_is_a_lost_connection_and_not_a_lost_run() -> None:
    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        if argv[0] == "attach":
            tell(stdout, {"type": "refused", "code": "run-unknown", "found": argv[1]})
            return
        tell(stdout, FACTS)
        stdin.readline()
        raise Cut

    assert fails(Breaking(main)).code == "connection-lost"


def test_run_unheard_of_at_first_and_then_out_of_reach_may_have_begun() -> None:
    """The order can still arrive after that answer, so only the last one counts."""

    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        if argv[0] == "attach" and len(transport.opened) == 2:
            tell(stdout, {"type": "refused", "code": "run-unknown", "found": argv[1]})
            return
        if argv[0] == "apply":
            tell(stdout, FACTS)
            stdin.readline()
        raise Cut

    transport = Breaking(main)

    assert fails(transport).code == "run-lost"


def test_run_that_was_killed_on_the_node_is_broken_off() -> None:
    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        if argv[0] == "attach":
            tell(stdout, {"type": "refused", "code": "run-broken-off", "found": argv[1]})
            return
        tell(stdout, FACTS)
        tell(stdout, start(json.loads(stdin.readline())))

    error = fails(MemoryTransport(main))

    assert (error.code, error.exit_status) == ("run-broken-off", 5)


def test_check_whose_connection_broke_is_not_attached() -> None:
    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        tell(stdout, FACTS)
        tell(stdout, start(json.loads(stdin.readline())))
        raise Cut

    transport = Breaking(main)
    with pytest.raises(Unreachable) as caught:
        carry.check(transport, PARCEL, by="ada", watch=lambda event: None)

    assert caught.value.code == "connection-lost"
    assert transport.opened == [("check",)]


HOSTILE: dict[str, object] = {
    "not JSON": b"hello",
    "binary": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
    "a bare value": 7,
    "a list": [1],
    "report of nothing": {"type": "report"},
    "report of a text": {"type": "report", "report": "x"},
    "report of wrong types": {
        "type": "report",
        "report": {"run": [], "plan": {}, "digest": 0, "mode": 0, "outcomes": 5, "owed": 1},
    },
    "outcome of an unknown status": {"type": "outcome", "outcome": {"step": "a", "status": "x"}},
    "outcome of nothing": {"type": "outcome"},
    "outcome with a strange trouble": {
        "type": "outcome",
        "outcome": {"step": "a", "status": "failed", "trouble": 5},
    },
    "step without an id": {"type": "step"},
    "step with a list": {"type": "step", "id": []},
    "progress of a number": {"type": "progress", "id": "a", "text": 5},
    "blobs of a number": {"type": "need-blobs", "blobs": 5},
    "blobs of lists": {"type": "need-blobs", "blobs": [[]]},
    "foreign blob": {"type": "need-blobs", "blobs": ["../../etc/shadow"]},
    "holder of a text": {"type": "refused", "code": "node-busy", "holder": "x"},
    "holder since ever": {"type": "refused", "code": "node-busy", "holder": {"since": "x"}},
}


@pytest.mark.parametrize("event", HOSTILE.values(), ids=HOSTILE)
def test_hostile_node_is_a_clear_error_and_no_bug_of_ours(event: object) -> None:
    transport = MemoryTransport(node(lambda o, i, out: tell(out, event)))

    error = fails(transport)

    assert (error.code, error.exit_status) == ("node-speaks-wrongly", 4)
    assert transport.opened == [("apply",)]


@pytest.mark.parametrize(
    "facts",
    [5, [], {"hostname": 5}, {"cpus": "many"}, {"addresses": 5}, {"memory_mb": None}, "x"],
    ids=str,
)
def test_hostile_facts(facts: object) -> None:
    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        tell(stdout, {"type": "facts", "facts": facts})

    with pytest.raises(Unreachable) as caught:
        carry.gather_facts(MemoryTransport(main))

    assert caught.value.code == "node-speaks-wrongly"


@pytest.mark.parametrize("releases", [5, ["x"], [{}], [{"id": 1, "commit": "c"}]], ids=str)
def test_hostile_releases(releases: object) -> None:
    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        tell(stdout, {**FACTS, "type": "releases", "releases": releases})

    with pytest.raises(Unreachable) as caught:
        carry.ask(MemoryTransport(main), ["releases", "thena"], "releases")

    assert caught.value.code == "node-speaks-wrongly"


def test_endless_node_is_hung_up_on_and_not_asked_again() -> None:
    """The real channel, so that its limits are the ones that count."""
    loop = "import sys\nwhile True: sys.stdout.write('{}\\n' * 1000)"
    opened: list[object] = []

    class Endless(MemoryTransport):
        def open(self, argv: Any) -> Any:
            opened.append(argv)
            return PipeChannel(
                started(["/usr/bin/python3", "-c", loop]),
                explain=lambda stderr, status: None,
                total_limit=1 << 20,
            )

    error = fails(Endless(lambda a, i, o: None))

    assert error.code == "node-output-too-long"
    assert len(opened) == 1


def test_silent_node_has_no_answer() -> None:
    with pytest.raises(Unreachable) as caught:
        carry.gather_facts(MemoryTransport(lambda a, i, o: 3))

    assert caught.value.code == "no-answer"


@pytest.mark.parametrize("when", ["before", "during"])
def test_stop_reaches_the_node_behind_its_blobs(when: str, tmp_path: Path) -> None:
    """A stop among the bytes of a blob would spoil them."""
    (tmp_path / "b").write_bytes(b"12345")
    blob = Blob("ab" * 32, 5)
    stop = Stop()
    got: list[bytes] = []

    def answer(order: dict[str, Any], stdin: BinaryIO, out: BinaryIO) -> None:
        if when == "during":
            stop.ask()
        tell(out, {"type": "need-blobs", "blobs": [blob.sha256]})
        got.append(stdin.read(5))
        tell(out, start(order))
        got.append(stdin.readline())
        tell(out, report(order, DONE))

    if when == "before":
        stop.ask()
    parcel = Parcel(PLAN, blobs={blob.sha256: (blob, tmp_path / "b")})
    transport = MemoryTransport(node(answer))
    carry.converge(transport, parcel, by="ada", watch=lambda event: None, stop=stop)

    assert got == [b"12345", b'{"type": "stop"}\n']


def test_stop_reaches_a_run_that_was_attached_again() -> None:
    orders: list[dict[str, Any]] = []
    stop = Stop()
    got: list[bytes] = []

    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        if argv[0] == "apply":
            tell(stdout, FACTS)
            orders.append(json.loads(stdin.readline()))
            tell(stdout, start(orders[0]))
            raise Cut
        stop.ask()
        got.append(stdin.readline())
        tell(stdout, start(orders[0]), report(orders[0], DONE))

    carry.converge(Breaking(main), PARCEL, by="ada", watch=lambda event: None, stop=stop)

    assert got == [b'{"type": "stop"}\n']


def test_stop_reaches_every_run_that_goes_on() -> None:
    stop, got = Stop(), []  # type: tuple[Stop, list[bytes]]
    both = threading.Barrier(2, timeout=30)

    def answer(order: dict[str, Any], stdin: BinaryIO, out: BinaryIO) -> None:
        tell(out, start(order))
        got.append(stdin.readline())
        tell(out, report(order, DONE))

    def watch(event: Mapping[str, Any]) -> None:
        if event["type"] == "start" and both.wait() == 0:
            stop.ask()

    def run() -> None:
        carry.converge(MemoryTransport(node(answer)), PARCEL, by="ada", watch=watch, stop=stop)

    runs = [threading.Thread(target=run) for _ in range(2)]
    for thread in runs:
        thread.start()
    for thread in runs:
        thread.join()

    assert got == [b'{"type": "stop"}\n'] * 2


def test_run_ids_sort_by_time_and_do_not_repeat() -> None:
    first = [carry.new_run() for _ in range(50)]

    assert len(set(first)) == 50
    assert {run[:9] for run in first} == {first[0][:9]}


def test_bytes_are_sent_once(tmp_path: Path) -> None:
    """What waits to be sent is in our memory: a node could fill it by asking again."""
    (tmp_path / "b").write_bytes(b"12345")
    blob = Blob("ab" * 32, 5)

    def answer(order: dict[str, Any], stdin: BinaryIO, out: BinaryIO) -> None:
        tell(out, {"type": "need-blobs", "blobs": [blob.sha256, blob.sha256]})
        good(order, stdin, out)

    parcel = Parcel(PLAN, blobs={blob.sha256: (blob, tmp_path / "b")})

    assert fails(MemoryTransport(node(answer)), parcel).code == "node-speaks-wrongly"


@pytest.mark.parametrize("lie", [{"run": "20260101T000000-000000"}, {"digest": "f" * 64}], ids=str)
def test_report_of_something_else_is_refused(lie: dict[str, str]) -> None:
    def answer(order: dict[str, Any], stdin: BinaryIO, out: BinaryIO) -> None:
        told = report(order, DONE)
        tell(out, start(order), {**told, "report": {**told["report"], **lie}})

    assert fails(MemoryTransport(node(answer))).code == "node-speaks-wrongly"


def test_code_that_a_node_makes_up_is_no_code_of_an_error() -> None:
    made_up = Outcome("file:/a", Status.FAILED, trouble={"code": "../../etc", "message": "no"})
    told, _ = converge(MemoryTransport(node(lambda o, i, out: tell(out, report(o, made_up)))))

    with pytest.raises(StepError) as caught:
        carry.succeeded(told, "web1")

    assert caught.value.code == "step-failed"
