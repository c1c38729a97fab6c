"""A race for the paths that root works on: an app's user swaps them for links all the time.

    unshare -m --propagation private python link_racer.py KIND SECONDS

As root, in a mount namespace of its own: ``/srv`` and what a resource type writes at fixed paths
are scratch there, and uid 4242 is called ``racer``.  One process, as ``racer``, exchanges
(renameat2(2), RENAME_EXCHANGE) the directory and the files that are worked on with links, hard
links, a FIFO and directories, as fast as it can; this one applies the resources of
``racer_cases.py`` over and over.  A win is any change below ``/srv/victim``, which is root's, or
its text turning up in what root says or writes.  Prints one line of JSON.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

RACER = 4242
NAME = "racer"
CORNER = "/srv/corner"  # the racer's own
VICTIM = "/srv/victim"
CANARY = "canary-that-only-root-may-read"
SCRATCH = ("/srv", "/var/lib", "/var/cache", "/etc/systemd/system", "/usr/local/lib")
EXCHANGE = 2  # RENAME_EXCHANGE, renameat2(2)
AT_FDCWD = -100
LONGER_S = 60.0
HARD_LINKS = 4000  # names of the victim's file that root left where the racer can move them


@dataclass(frozen=True)
class Spot:
    """Where the racer plays: its own directory ``here``, and names in it that root works on.

    ``movable`` says that what holds ``here`` is the racer's too, so ``here`` itself is swapped.
    """

    here: str
    names: Sequence[str]
    movable: bool = False


@dataclass
class Tally:
    attempts: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    wins: list[str] = field(default_factory=list)

    @property
    def raced(self) -> bool:
        """Whether root did its work at least once, and at least once could not."""
        return bool(self.ends["changed"] and set(self.ends) - {"changed", "ok"})


# --- the racer ------------------------------------------------------------------------------------

LINKS = {"link": VICTIM, "to-file": f"{VICTIM}/f", "to-directory": f"{VICTIM}/d"}
# What root can work with stands there about half of the time.
PARTNERS = (*LINKS, "hard", "fifo", *["directory", "file"] * 2)


class Racer:
    """Swaps what is at a spot for something else; runs as uid 4242."""

    def __init__(self, spot: Spot) -> None:
        self.spot = spot
        self.libc = ctypes.CDLL(None)
        self.chance = random.Random(os.getpid())
        self.hard = iter(range(HARD_LINKS))

    def race(self) -> NoReturn:
        os.setgroups([])
        os.setresgid(RACER, RACER, RACER)
        os.setresuid(RACER, RACER, RACER)
        os.umask(0)
        while True:
            if self.chance.random() < 0.2:  # at times it lets root get further
                time.sleep(0.004)
            if self.spot.movable:
                other = self.partner("link")
                for _ in range(80):  # even: the directory is itself while it is played in
                    self.exchange(self.spot.here, other)
            for name in self.spot.names:
                with contextlib.suppress(OSError):
                    self.play(f"{self.spot.here}/{name}")

    def play(self, path: str) -> None:
        if self.chance.random() < 0.3:  # away, so that root makes it anew
            os.rename(path, self.trash)
            return
        other = self.partner(self.chance.choice(PARTNERS))
        if not os.path.lexists(path):
            os.rename(other, path)
            other = self.partner(self.chance.choice(PARTNERS))
        for _ in range(self.chance.randrange(1, 30)):
            self.exchange(path, other)

    def exchange(self, one: str, other: str) -> None:
        self.libc.renameat2(AT_FDCWD, one.encode(), AT_FDCWD, other.encode(), EXCHANGE)

    def partner(self, kind: str) -> str:
        """The path of something of this kind, made where an exchange has taken it away."""
        if kind == "hard":
            return f"{CORNER}/hard/{next(self.hard, 0)}"
        path = f"{CORNER}/partner-{kind}"
        with contextlib.suppress(OSError):
            if os.path.lexists(path) and not is_a(kind, path):
                os.rename(path, self.trash)
            if not os.path.lexists(path):
                make(kind, path)
        return path

    @property
    def trash(self) -> str:
        return f"{CORNER}/trash/{self.chance.random()}"


def is_a(kind: str, path: str) -> bool:
    mode = os.lstat(path).st_mode
    tests = {"directory": stat.S_ISDIR, "file": stat.S_ISREG, "fifo": stat.S_ISFIFO}
    return tests.get(kind, stat.S_ISLNK)(mode)


def make(kind: str, path: str) -> None:
    if kind in LINKS:
        os.symlink(LINKS[kind], path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        os.mkdir(path)
        make("file", f"{path}/f")
    else:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))


# --- the world ------------------------------------------------------------------------------------


def prepare() -> None:
    """Scratch over everything that is written, and a user that is no one's."""
    for path in SCRATCH:
        if os.path.isdir(path):
            mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", path)
    for directory in (
        VICTIM,
        f"{VICTIM}/d",
        "/srv/www",
        CORNER,
        f"{CORNER}/hard",
        f"{CORNER}/trash",
    ):
        os.mkdir(directory, 0o755)
    for path in (f"{VICTIM}/f", f"{VICTIM}/d/f", f"{VICTIM}/alone"):
        Path(path).write_text(json.dumps({"commit": CANARY}) + "\n")
        os.chmod(path, 0o600)
    for name in ("passwd", "group"):
        line = f"{NAME}:x:{RACER}:" + ("" if name == "group" else f"{RACER}::{CORNER}/x:/bin/sh")
        Path(f"/srv/{name}").write_text(Path(f"/etc/{name}").read_text() + line + "\n")
        os.chmod(f"/srv/{name}", 0o644)
        mount("--bind", f"/srv/{name}", f"/etc/{name}")
    for number in range(HARD_LINKS):
        os.link(f"{VICTIM}/f", f"{CORNER}/hard/{number}")
    for path in (CORNER, f"{CORNER}/hard", f"{CORNER}/trash"):
        os.chown(path, RACER, RACER)


def mount(*argv: str) -> None:
    subprocess.run(["mount", *argv], check=True)


def mine(path: str) -> None:
    """A directory of the racer's, made by root."""
    os.makedirs(path, exist_ok=True)
    os.chown(path, RACER, RACER)


def snapshot() -> dict[str, object]:
    """The victim's names, owners, modes and texts; hard links that come and go do not count."""
    found: dict[str, object] = {}
    for folder, below, names in os.walk(VICTIM):
        for name in [".", *below, *names]:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            text = Path(path).read_text() if stat.S_ISREG(status.st_mode) else ""
            found[path] = (status.st_mode, status.st_uid, status.st_gid, text)
    return found


# --- root -----------------------------------------------------------------------------------------


def main(kind: str, seconds: float) -> None:
    import racer_cases

    prepare()
    os.umask(0o022)
    before = snapshot()
    case = {**racer_cases.CASES, **racer_cases.TWINS}[kind]()
    for spot in case.spots:
        if spot.movable:
            mine(spot.here)
    children = []
    for spot in case.spots:
        child = os.fork()
        if child == 0:
            try:
                Racer(spot).race()
            finally:
                os._exit(1)
        children.append(child)
    tally = Tally()
    try:
        until = time.monotonic() + seconds
        # A busy machine may need longer to have root through even once, and the racer in its way.
        while not tally.wins and time.monotonic() < until + (0 if tally.raced else LONGER_S):
            for end, said in case.turn():
                tally.attempts += 1
                tally.ends[end] += 1
                if CANARY in said:
                    tally.wins.append(f"root told what only root may read: {said[-300:]}")
            if snapshot() != before:
                changed = sorted(set(map(str, snapshot().items())) ^ set(map(str, before.items())))
                tally.wins.append(f"the victim was changed: {changed[:4]}")
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    print(json.dumps({"attempts": tally.attempts, "ends": tally.ends, "wins": tally.wins}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
