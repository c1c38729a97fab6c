"""Every field of every event of a node, replaced by what does not belong there (IN-8).

The answer is a report or a named error, never a bug of ours; and whatever is shown of it cannot
drive a terminal.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, BinaryIO

import pytest

from toque.adapters.memory import MemoryTransport
from toque.cli import trouble
from toque.cli.show import Shown
from toque.errors import ToqueError
from toque.node.model import Action, Facts, Outcome, Plan, Report, Status, Step
from toque.node.wire import digest, outcome_json, report_json
from toque.usecases import converge as carry
from toque.usecases.converge import Parcel

PLAN = Plan("setup web", (Step("file:/a", "file", {"path": "/a"}),))
WORDS = ("cannot write", "old", "new", "df", "recipe.py:3")
FAILED = Outcome(
    "file:/a",
    Status.FAILED,
    diff=("- old", "+ new"),
    actions=("restart",),
    seconds=1.5,
    place="recipe.py:3",
    notes=("a note",),
    trouble={"code": "disk-full", "message": "no room", "found": "full", "log": ["one", "two"]},
)
FACTS = {"type": "facts", "facts": asdict(Facts("web1", "debian", addresses=("10.0.0.1",)))}
STEERING = "\x1b[2J\x1b]52;c;aGk=\x07\x9b31m\rover\b\u202egnp.exe\u2066\nerror [forged]"
ODD: tuple[object, ...] = (
    None, True, -1, 0, 5, 1.5, 10**30, -(10**30), 1e308, "", "x", "x" * 100_000, STEERING,
    "../../../etc/passwd", "\0", "{{ 7*7 }}", "<script>alert(1)</script>", "%s%n", "\ud800",
    [], [[]], [None], [STEERING], {}, {"a": 1}, {STEERING: STEERING}, [["a", "b"]], {"log": 5},
)  # fmt: skip
# What no JSON encoder of ours writes but a node may send.
RAW = ("NaN", "-Infinity", "1e999", "[" * 100_000, "9" * 5000, '"\\ud800"', '{"a":' * 5000)
HOLE = "a hole that is filled in later"


def events(run: str) -> list[dict[str, Any]]:
    made = Report(
        run, PLAN.name, digest(PLAN), "apply", (FAILED,), (Action("service:a", "reload"),), 2.0, 7
    )
    holder = {"by": "bob@desk", "since": 1_700_000_000, "plan": "setup", "run": "r"}
    return [
        FACTS,
        {"type": "start", "run": run, "plan": PLAN.name, "steps": 1, "by": "ada", "at": 5},
        {"type": "step", "id": "file:/a"},
        {"type": "progress", "id": "file:/a", "text": "unpacking"},
        {"type": "outcome", "outcome": outcome_json(FAILED)},
        {"type": "need-blobs", "blobs": []},
        {"type": "refused", "code": "node-busy", "found": "x", "holder": holder},
        {"type": "report", "report": report_json(made)},
    ]


def spots(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value inside a value, itself included."""
    yield way
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from spots(inner, (*way, key))


def replaced(value: Any, way: tuple[Any, ...], new: object) -> Any:
    if not way:
        return new
    copy = value.copy()
    copy[way[0]] = replaced(value[way[0]], way[1:], new)
    return copy


def lines(event: dict[str, Any], way: tuple[Any, ...]) -> Iterator[bytes]:
    """The event with each odd value at this place, and without it."""
    for odd in ODD:
        yield json.dumps(replaced(event, way, odd)).encode()
    hole = json.dumps(replaced(event, way, HOLE))
    for raw in RAW:
        yield hole.replace(json.dumps(HOLE), raw).encode()


def story(at: int, line: bytes) -> MemoryTransport:
    """A node that says all it has to, with one of its events replaced by ``line``."""

    def main(argv: list[str], stdin: BinaryIO, stdout: BinaryIO) -> None:
        if at == 0:
            stdout.write(line + b"\n")
        stdout.write(json.dumps(FACTS).encode() + b"\n")
        stdout.flush()
        run = (
            argv[1] if argv[0] == "attach" else json.loads(stdin.readline() or "{}").get("run", "")
        )
        for number, event in enumerate(events(run)[1:], 1):
            if number == at:
                stdout.write(line.replace(b'"RUN"', json.dumps(run).encode()) + b"\n")
            elif event["type"] != "refused":
                stdout.write(json.dumps(event).encode() + b"\n")
        stdout.flush()

    return MemoryTransport(main)


KINDS = [event["type"] for event in events("RUN")]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carry.time, "sleep", lambda seconds: None)


@pytest.mark.parametrize("kind", KINDS)
def test_no_value_in_any_field_is_a_bug_or_drives_the_terminal(
    kind: str, capsys: pytest.CaptureFixture[str], record_property: Any
) -> None:
    at = KINDS.index(kind)
    sound = events("RUN")[at]
    ends: dict[str, int] = {}
    for way in spots(sound):
        for line in lines(sound, way):
            code = end_of(story(at, line), (kind, way, line[:200]))
            ends[code] = ends.get(code, 0) + 1
            out, err = capsys.readouterr()
            assert not steers(out + err), (kind, way, line[:200], out, err)
    fields, count = len(list(spots(sound))), sum(ends.values())
    record_property("figure", f"{fields} fields, {count} values, bugs 0, ends {ends}")
    assert count == fields * (len(ODD) + len(RAW))
    assert set(ends) - {"report"}  # some of it was refused


def end_of(transport: MemoryTransport, case: object) -> str:
    try:
        with Shown(verbose=True) as shown:
            report = carry.converge(transport, Parcel(PLAN), by="ada", watch=shown)
            shown.summary("web1", report)
        json.dumps(report_json(report), allow_nan=False)
        carry.succeeded(report, "web1")
    except carry.StepError as error:
        print(*trouble.words(error.trouble), sep="\n")
        return "report"
    except ToqueError as error:
        print(*trouble.words(error.trouble), sep="\n")
        return error.code
    except Exception as error:
        raise AssertionError(f"{case}: {error!r}") from error
    return "report"


def steers(text: str) -> list[str]:
    """What in a text is neither plain nor a colour of our own."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return [repr(c) for c in plain if not (c.isprintable() or c in "\n\t")] + [
        line for line in plain.splitlines() if line.startswith("error [forged]")
    ]


def test_the_eye_for_steering_sees() -> None:
    assert steers("a\x1b[31mb\x1b[0m\n") == []
    assert len(steers("\x1b[2J\x1b]52;c;\x07\x9b\r\b\u202e")) > 6
    assert steers("a\nerror [forged]\n")
