"""The whole command line against a node that is somebody else's (IN-8, IN-9).

Whatever it sends: nothing is written but what that command writes, memory stays bounded, the
error has a name, and nothing that is printed can drive a terminal.
"""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

EVIL = Path(__file__).parents[1] / "support" / "evil_node.py"
# Grows by less than this, in MiB: a line of 8 MiB as bytes, text and values, a file of uv to send.
MOST_GROWTH = 160
PROJECT = """
[stack]
name = "evil"
cookbooks = ["book"]

[layers.web]
setup = ["bad"]

[nodes.web1]
address = "root@evil.invalid"
layer = "web"

[nodes.db1]
address = "root@good.invalid"
layer = "web"

[apps.thena]
repository = "thena.git"
layer = "web"
entry = "wsgi:app"
"""
BOOK = """
from dataclasses import dataclass
from toque import Cookbook, File, Recipe

@dataclass(frozen=True)
class Bad:
    count: int = 1

def setup(r: Recipe) -> None:
    r.add(File("/srv/" + r.facts.hostname.replace("/", "-"), content=r.facts.os))
    r.add(File("/usr/local/lib/uv", content=r.uv))

cookbook = Cookbook("bad", attributes=Bad, events={"setup": setup})
"""
# Tells on descriptor 3 what was opened for writing, made, renamed or removed, and the peak memory.
WATCH = r"""
import json, os, re, sys
touched = []
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.chmod",
           "os.chown", "os.truncate", "shutil.rmtree")
def watch(event, given):
    if event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR
                                                                      | os.O_CREAT):
        touched.append(str(given[0]))
    elif event in CHANGES:
        touched.append(str(given[0]))
sys.addaudithook(watch)
def peak():
    return int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) // 1024
try:
    from toque.cli import main
    import rich.console, rich.status, rich.text, toque.cookbooks.compile
    before = peak()
    sys.argv[0] = "toque"
    main()
finally:
    os.write(3, json.dumps({"touched": touched, "before": before, "peak": peak()}).encode())
"""


@dataclass
class Ended:
    status: int
    out: str
    error: dict[str, str]
    touched: list[str]
    growth: int  # MiB


@dataclass
class Desk:
    """A project whose nodes are reached through a fake ``ssh``."""

    top: Path

    def toque(self, scenario: str, *argv: str, terminal: bool = False) -> Ended:
        shim = self.top / "bin" / "ssh"
        shim.write_text(f'#!/bin/sh\nexec {sys.executable} -I {EVIL} {scenario} "$@"\n')
        shim.chmod(0o755)
        reader, writer = os.pipe()
        ours, its = pty.openpty() if terminal else (-1, -1)
        argv = ("bash", "-c", 'exec 3>&"$1"; shift; exec "$@"', "bash", str(writer), sys.executable,
                "-c", WATCH, *argv)  # fmt: skip
        process = subprocess.Popen(
            argv,
            cwd=self.top / "project",
            env={
                "PATH": f"{self.top / 'bin'}:/usr/bin:/bin", "HOME": str(self.top / "home"),
                "TERM": "xterm-256color", "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8",
                "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            },
            stdout=its if terminal else subprocess.PIPE,
            stderr=its if terminal else subprocess.STDOUT,
            pass_fds=[writer],
        )  # fmt: skip
        os.close(writer)
        if terminal:
            os.close(its)
            said = read_terminal(ours)
        else:
            said = process.communicate(timeout=500)[0]
        with os.fdopen(reader) as file:
            told = json.loads(file.read())
        out = said.decode("utf-8", "surrogateescape")
        last = (out.splitlines() or [""])[-1]
        error = json.loads(last).get("error", {}) if last.startswith("{") else {}
        return Ended(
            process.wait(), out, error, told["touched"], max(0, told["peak"] - told["before"])
        )


def read_terminal(descriptor: int) -> bytes:
    parts = []
    while True:
        try:
            part = os.read(descriptor, 1 << 16)
        except OSError:  # EIO: nobody writes any more
            part = b""
        if not part:
            os.close(descriptor)
            return b"".join(parts)
        parts.append(part)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    for folder in ("bin", "home", "project/book/bad"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "project/toque.toml").write_text(PROJECT)
    (tmp_path / "project/book/bad/__init__.py").write_text(BOOK)
    return Desk(tmp_path)


def contents(top: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(top)): path.read_bytes() if path.is_file() else b""
        for path in sorted(top.rglob("*"))
        if "bin/" not in str(path)
    }


# Scenario -> the codes that may come of ``toque converge``; empty: all went well.
WRONG, LONG = {"node-speaks-wrongly"}, {"node-output-too-long"}
CONVERGES: dict[str, set[str]] = {
    "honest": {""},
    "endless_events": LONG,
    "endless_line": LONG,
    "endless_line_before_the_facts": LONG,
    "endless_login_banner": {"bootstrap-failed"},
    "endless_standard_error": {""},
    "deep_event": WRONG,
    "deep_objects": WRONG,
    "deep_before_ready": {"bootstrap-failed", "connection-lost"},
    "deep_facts": WRONG,
    "another_run": WRONG,
    "another_plan": WRONG,
    "another_node": {""},
    "foreign_bytes": WRONG,
    "same_bytes_again_and_again": WRONG,
    "paths_for_names": {"step-failed"},
    "steering_everywhere": {"step-failed"},
    "steering_refusal": {"node-busy"},
    "steering_refusal_of_another_kind": WRONG,
    "steering_bootstrap": {"bootstrap-failed"},
    "steering_standard_error": {"connection-lost"},
    "page_of_html": {""},
    "template_text": {""},
    "lying_exit_status": {"run-unknown"},
    "failed_exit_after_success": {""},
    "killed_exit_after_success": {""},
    "holder_since_the_end_of_time": WRONG,
    "numbers_that_are_none": WRONG,
    "million_outcomes": {""},
}
# What a converge may touch: the project's own memory.
OWN = re.compile(r"/project/\.toque(/|$)|^/dev/null$|^\d+$")


@pytest.mark.parametrize("scenario", CONVERGES)
def test_converge(scenario: str, desk: Desk, record_property) -> None:
    before = contents(desk.top)

    ended = desk.toque(scenario, "converge", "web1", "--json")

    after = contents(desk.top)
    foreign = [path for path in ended.touched if not OWN.search(path)]
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    record_property("figure", f"{ended.error.get('code', 'ok')!r:.40}, {ended.growth} MiB more, "
                    f"foreign writes {len(foreign)}")  # fmt: skip
    assert foreign == []
    assert {name for name in changed if not name.startswith("project/.toque")} == set()
    assert ended.growth < MOST_GROWTH
    assert steering(ended.out) == []
    assert ended.error.get("code") != "toque-bug", ended.out
    assert "Traceback" not in ended.out
    assert ended.error.get("code", "") in CONVERGES[scenario], ended.out[-2000:]


SHOWN = [
    ("steering_everywhere", ("converge", "web1", "-v")),
    ("steering_everywhere", ("plan", "web1")),
    ("steering_refusal", ("converge", "web1")),
    ("steering_refusal_of_another_kind", ("plan", "web1")),
    ("steering_bootstrap", ("plan", "web1")),
    ("steering_standard_error", ("plan", "web1")),
    ("paths_for_names", ("converge", "web1")),
    ("template_text", ("plan", "web1", "-v")),
    ("what_was_asked", ("runs", "web1")),
    ("what_was_asked", ("releases", "thena", "--on", "web1")),
]


@pytest.mark.parametrize(("scenario", "argv"), SHOWN, ids=str)
def test_what_a_terminal_is_shown(scenario: str, argv: tuple[str, ...], desk: Desk) -> None:
    """On a terminal there are colours and a line that is drawn again, both ours."""
    ended = desk.toque(scenario, *argv, terminal=True)

    assert steering(ended.out) == [], repr(ended.out)
    assert "Traceback" not in ended.out
    assert "toque-bug" not in ended.out
    assert len(ended.out) > 20, repr(ended.out)


def steering(text: str) -> list[str]:
    """What could drive a terminal: all but colours, and the moves of our own live line."""
    own = r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\x1b\[2K|\x1b\[1A|\r\n|\r(?=\x1b\[(?:2K|1A))"
    plain = re.sub(own, "", text)
    forged = [line for line in text.splitlines() if line.startswith("error [forged]")]
    return [repr(c) for c in plain if not (c.isprintable() or c in "\n\t")] + forged


def test_the_eye_for_steering_sees() -> None:
    assert steering("\x1b[31mred\x1b[0m\n") == []
    for bad in ("\x1b[2J", "\x1b]8;;x\x07", "\x9b31m", "a\rb", "\b", "\u202e", "error [forged]"):
        assert steering(bad)
