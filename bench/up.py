"""A new machine brought to serving by one command, the next commit, and the machine given back.

    scripts/bench up [--json] [--rounds N]

The project is Django with PostgreSQL, and has no file of ours.  ``toque up`` on a machine as it
came is timed until the first page that is answered with 200, then ``toque up`` of a commit that
changes one line until its first answer, then ``toque remove``.  The floor, and the peer, is what a
person types for the same site, as one script in one SSH session (``parts/byhand_up.sh``), on
another new machine, with the same packages from the same place.  Ends with status 1 when a bar is
missed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

from parts import machine
from parts.machine import Bench

from toque.adapters import shipping

PROJECT = Path(__file__).parents[1] / "tests" / "machine" / "projects" / "django"
BY_HAND = (Path(__file__).parent / "parts" / "byhand_up.sh").read_text(encoding="ascii")
UP_S = 90.0  # to the first page, with package sources near
NEXT_S = 6.0  # to the first page of the next commit
WAIT_S = 300.0
POLL_S = 0.02


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench up", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object as the last line")
    parser.add_argument("--rounds", type=int, default=3, help="new machines each (3)")
    asked = parser.parse_args()
    rounds: list[dict[str, float]] = []
    with machine.alone():
        for number in range(asked.rounds):
            rounds.append({**by_hand(), **ours()})
            say(f"round {number + 1}: {json.dumps(rounds[-1])}")
    machine.forget_byte_code()
    found = {name: round(median(one[name] for one in rounds), 2) for name in rounds[0]}
    missed = [
        f"{name} is {found[name]}, under {most:g} wanted"
        for name, most in (("up_s", UP_S), ("next_s", NEXT_S))
        if found[name] >= most
    ]
    times = found["up_s"] / found["floor_up_s"]
    print(f"up        {found['up_s']:6.1f} s, by hand {found['floor_up_s']:.1f} s: {times:.2f} x")
    print(f"next      {found['next_s']:6.1f} s")
    print(f"remove    {found['remove_s']:6.1f} s")
    for text in missed:
        say(f"missed: {text}")
    if asked.json:
        print(json.dumps({**found, "times_floor": round(times, 2), "missed": missed}))
    return 1 if missed else 0


def by_hand() -> dict[str, float]:
    """The script, until its site answers."""
    with machine.machines("byhand") as (bench,):
        bench.inside("mkdir", "-p", "/srv/byhand/app")
        uv = shipping.uv_binary().read_bytes()
        bench.inside("sh", "-c", "cat >/usr/local/bin/uv; chmod +x /usr/local/bin/uv", stdin=uv)
        packed = subprocess.run(
            ["tar", "-C", str(PROJECT), "-c", "."], capture_output=True, check=True
        ).stdout
        bench.inside("tar", "-C", "/srv/byhand/app", "-x", stdin=packed)
        began = time.monotonic()
        done = subprocess.run(
            [*bench.ssh, f"bash -s {bench.address}"], input=BY_HAND.encode(), capture_output=True
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode("utf-8", "replace")[-3000:])
        return {"floor_up_s": answered(bench, lambda text: text.startswith("django")) - began}


def ours() -> dict[str, float]:
    """``up``, the next commit, and ``remove``, on one new machine."""
    with (
        machine.machines("up") as (bench,),
        tempfile.TemporaryDirectory(prefix="toque-bench-") as folder,
    ):
        project = Path(folder) / "shop"
        shutil.copytree(PROJECT, project)
        git(project, "init", "-q", "-b", "main")
        commit(project, "first")
        up = ["up", f"kitchen:{bench.name}", "--yes"]
        times = {"up_s": until(bench, toque(project, *up), "django")}
        urls = project / "shop" / "urls.py"
        urls.write_text(urls.read_text("utf-8").replace("django {words}", "second {words}"))
        commit(project, "second")
        times["next_s"] = until(bench, toque(project, "up"), "second")
        began = time.monotonic()
        done = toque(project, "remove", f"kitchen:{bench.name}", "--yes", "--discard-data")
        words, _ = done.communicate(timeout=WAIT_S)
        if done.returncode != 0:
            raise RuntimeError(words)
        return {**times, "remove_s": time.monotonic() - began}


def toque(project: Path, *words: str) -> subprocess.Popen[str]:
    environ: Mapping[str, str] = {
        **os.environ, "TOQUE_KITCHEN_DIR": str(machine.STATE), "GREETING": "hello", "NO_COLOR": "1",
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "toque", *words],
        cwd=project, env=environ, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def until(bench: Bench, command: subprocess.Popen[str], word: str) -> float:
    """Seconds from here, right after its start, to the first page that begins with ``word``."""
    began = time.monotonic()

    def good(text: str) -> bool:
        if command.poll() not in (None, 0):
            raise RuntimeError(command.communicate()[0])
        return text.startswith(word)

    seconds = answered(bench, good) - began
    command.communicate(timeout=WAIT_S)
    return seconds


def answered(bench: Bench, good: Callable[[str], bool]) -> float:
    """The moment (``time.monotonic()``) of the first good page."""
    ends = time.monotonic() + WAIT_S
    while time.monotonic() < ends:
        if good(page(bench.address)):
            return time.monotonic()
        time.sleep(POLL_S)
    raise RuntimeError(f"{bench.name}: no page within {WAIT_S:g} s")


def page(address: str) -> str:
    """The home page; empty when it is not there."""
    connection = http.client.HTTPConnection(address, timeout=5)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.read().decode("utf-8", "replace") if answer.status == 200 else ""
    return ""


def commit(project: Path, subject: str) -> None:
    git(project, "add", "-A")
    who: Sequence[str] = ("-c", "user.name=A", "-c", "user.email=a@example.invalid")
    git(project, *who, "commit", "-q", "-m", subject)


def git(project: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=project, check=True)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
