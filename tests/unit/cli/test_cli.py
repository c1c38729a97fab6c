"""The command line as a process: what it costs, how it leaves, and what it never prints."""

from __future__ import annotations

import compileall
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import toque.cli
from toque.cli import COMMANDS, cli, main
from toque.cli.history import line_of
from toque.cli.show import Shown, moment, printable
from toque.cli.trouble import words
from toque.errors import AskedWrongly, BadCookbook, Failed, ToqueError, Trouble, Unreachable
from toque.node.model import Action, Outcome, Report, Status
from toque.node.wire import outcome_json

HELP_MS = 100.0
HOSTILE = "a\x1b[2Jb\x9bc\rd\ne\x07f\u202eg\x1b]52;c;ZWNobw==\x07"
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def cpu_ms(*argv: str, cwd: Path) -> float:
    """User and system time of one child, in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *argv], cwd=cwd, env=environ, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def test_help_costs_less_than_100_ms_of_cpu_above_a_bare_interpreter(tmp_path: Path) -> None:
    compileall.compile_dir(Path(toque.cli.__file__).parents[1], quiet=2)
    help_ms = min(cpu_ms("-m", "toque", "--help", cwd=tmp_path) for _ in range(5))
    bare_ms = min(cpu_ms("-c", "pass", cwd=tmp_path) for _ in range(5))

    print(f"\ntoque --help: {help_ms:.0f} ms of CPU, a bare interpreter {bare_ms:.0f} ms")
    assert help_ms - bare_ms < HELP_MS


def every_command(group: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple]:
    yield path
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield from every_command(command, (*path, name))


@pytest.mark.parametrize("path", list(every_command()), ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert status(*path, "--help") == 0

    said = capsys.readouterr()
    assert said.out.startswith("Usage: toque")
    assert said.err == ""


def test_help_of_the_whole_lists_what_the_commands_themselves_say() -> None:
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["depoly"], "did you mean 'deploy'?"),
        (["frobnicate"], "there is no command 'frobnicate'"),
        (["--frobnicate"], "--frobnicate"),
        (["deploy", "--frobnicate"], "--frobnicate"),
        (["kitchen", "frobnicate"], "frobnicate"),
        (["runs", "show"], "RUN"),
        (["deploy", "a", "b", "c"], "unexpected extra argument"),
    ],
)
def test_command_line_that_is_wrong_exits_2(
    argv: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(*argv) == 2
    assert word in capsys.readouterr().err


def status(*argv: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(argv)
    return int(left.value.code or 0)


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """``toque releases`` raises what is put into the list."""
    raised: list[BaseException] = []

    def here() -> None:
        raise raised[0]

    monkeypatch.setattr("toque.cli.asked.here", here)
    return raised


FAMILIES = {AskedWrongly: 2, BadCookbook: 3, Unreachable: 4, Failed: 5}


@pytest.mark.parametrize(("family", "wanted"), FAMILIES.items())
def test_each_family_of_errors_has_its_status_and_its_words(
    family: type[ToqueError],
    wanted: int,
    breaking: list[BaseException],
    capsys: pytest.CaptureFixture[str],
) -> None:
    breaking.append(
        family("a-code", "a message", expected="x", found="y", hint="do z", place="p:3")
    )

    assert status("releases") == wanted

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "error [a-code] a message",
        "  at        p:3",
        "  expected  x",
        "  found     y",
        "  try       do z",
    ]


@pytest.mark.parametrize(("family", "wanted"), FAMILIES.items())
def test_json_error_is_one_object_on_standard_output(
    family: type[ToqueError],
    wanted: int,
    breaking: list[BaseException],
    capsys: pytest.CaptureFixture[str],
) -> None:
    breaking.append(family("a-code", "a message", found="y", log=["one", "two"]))

    assert status("releases", "--json") == wanted

    said = capsys.readouterr()
    assert json.loads(said.out) == {
        "error": {"code": "a-code", "message": "a message", "found": "y", "log": ["one", "two"]},
        "exit": wanted,
    }
    assert said.err == ""


def test_bug_of_ours_says_so_with_its_last_lines(
    breaking: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    breaking.append(ZeroDivisionError("oh"))

    assert status("releases") == 70

    said = capsys.readouterr().err
    assert said.startswith("error [toque-bug] ZeroDivisionError: oh")
    assert "test_cli.py" in said  # where it happened


def test_interrupt_exits_130(
    breaking: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    breaking.append(KeyboardInterrupt())

    assert status("releases") == 130
    assert capsys.readouterr().err.strip() == "interrupted"


def test_nothing_is_coloured_in_a_pipe(tmp_path: Path) -> None:
    for argv in (["--help"], ["deploy"], ["frobnicate"]):
        done = subprocess.run(
            [sys.executable, "-m", "toque", *argv], cwd=tmp_path, capture_output=True
        )
        assert b"\x1b" not in done.stdout + done.stderr


def shown(capsys: pytest.CaptureFixture[str], *events: dict[str, object]) -> str:
    watcher = Shown(verbose=True)
    with watcher:
        for event in events:
            watcher(event)
        owed = (Action(HOSTILE, HOSTILE),)
        failed = Outcome(HOSTILE, Status.FAILED, trouble={"code": "x"})
        watcher.summary("web1", Report("r", "p", "d", "apply", (failed,), owed))
    said = capsys.readouterr()
    return said.out + said.err


def test_a_plan_counts_what_it_cannot_know_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = (Outcome("file:/a", Status.WOULD_CHANGE), Outcome("service:a", Status.UNKNOWN))
    with Shown() as watcher:
        watcher.summary("web1", Report("r", "p", "d", "check", outcomes))

    assert "web1: 1 would change, 1 unknown, 2 steps" in capsys.readouterr().out


def test_a_run_that_broke_off_says_what_was_done_what_failed_and_what_was_not_tried(
    capsys: pytest.CaptureFixture[str],
) -> None:
    statuses = (Status.CHANGED, Status.OK, Status.CHANGED, Status.FAILED, Status.NOT_RUN)
    outcomes = tuple(Outcome(f"file:/{n}", status) for n, status in enumerate(statuses))
    owed = (Action("service:a", "reload"),)
    report = Report("r", "p", "d", "apply", outcomes, owed, seconds=3.2)
    event = {"type": "broken-off", "report": report}
    with Shown() as watcher:
        watcher(event)
        watcher.of("web1")(event)

    line = "broken off: 2 changed, 1 failed, 1 not tried, 5 steps, owed: reload service:a (3.2s)"
    assert capsys.readouterr().out.splitlines() == [line, f"web1: {line}"]


def test_text_of_a_node_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Outcome(
        HOSTILE, Status.CHANGED, diff=(HOSTILE, f"+{HOSTILE}"), actions=(HOSTILE,), notes=(HOSTILE,)
    )

    said = shown(
        capsys,
        {"type": "step", "id": HOSTILE},
        {"type": "progress", "id": HOSTILE, "text": HOSTILE},
        {"type": "outcome", "outcome": outcome_json(outcome)},
        {"type": HOSTILE},
    )

    assert said.count("a\ufffd") >= 5
    assert CONTROLS.findall(said.replace("\n", "")) == []


def test_error_that_quotes_a_node_cannot_drive_the_terminal_or_forge_a_line() -> None:
    lines = words(Trouble("x-y", HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, (HOSTILE, HOSTILE)))

    plain = [click.unstyle(line) for line in lines]
    assert len(plain) == 8
    assert [CONTROLS.findall(line) + re.findall("\n", line) for line in plain] == [[]] * 8


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ("2026-11-23T06:40:12.120+00:00", "2026-11-23T06:40:12Z"),
        ("2026-11-23T01:10:12+05:30", "2026-11-22T19:40:12Z"),
        ("never served", "never served"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("a\x1b[2J", "a\ufffd[2J"),
    ],
)
def test_a_time_is_told_with_its_zone(kept: str, told: str) -> None:
    assert moment(kept) == told


def test_a_deploy_is_told_with_the_zone_of_its_time() -> None:
    entry = {"at": "2026-11-23T06:40:12.120+00:00", "what": "deploy", "release": "a-b",
             "seconds": 2.0, "who": "ada", "trigger": "push", "result": "ok"}  # fmt: skip

    assert line_of(entry) == "2026-11-23T06:40:12Z  deploy    a-b    2.0 s  by ada (push)  ok"


def test_printable_keeps_what_people_write() -> None:
    text = "Grüße, 世界 \t {'a': 1} ~/x"

    assert printable(text) == text


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_no_color_is_heeded_on_a_terminal(tmp_path: Path, no_color: str, coloured: bool) -> None:
    ours, theirs = os.openpty()
    environ = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    subprocess.run(
        [sys.executable, "-m", "toque", "node", "list"], cwd=tmp_path, env=environ, stderr=theirs
    )
    said = os.read(ours, 10_000)
    os.close(ours)
    os.close(theirs)

    assert b"no-project" in said
    assert (b"\x1b[" in said) is coloured
