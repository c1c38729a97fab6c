"""Somebody watches a directory for the moment in which a secret file can be opened (SE-5)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from toque.node import paths

CANARY = b"secret-that-nobody-else-may-read"
ROUNDS = 10_000
WATCHER = 4242

# As another user: opens whatever is made or moved in the directory, at once, and looks for the
# secret.  Its standard input ends when the writer is done.
WATCH = r"""
import ctypes, json, os, select, struct, sys
directory, canary = sys.argv[1], sys.argv[2].encode()
os.setgroups([]); os.setresgid(4242, 4242, 4242); os.setresuid(4242, 4242, 4242)
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.inotify_init1(os.O_NONBLOCK)
# inotify(7): IN_CREATE, IN_MOVED_TO, IN_ATTRIB, IN_MODIFY, IN_CLOSE_WRITE
MASK = 0x100 | 0x80 | 0x4 | 0x2 | 0x8
assert libc.inotify_add_watch(fd, directory.encode(), MASK) >= 0
print("ready", flush=True)
seen = tried = opened = won = 0
held = []
done = False
while not done:
    ready = select.select([fd, 0], [], [])[0]
    done = fd not in ready
    data = b"" if done else os.read(fd, 1 << 16)
    while data:
        wd, mask, cookie, size = struct.unpack_from("iIII", data)
        name, data = data[16:16 + size].rstrip(b"\0"), data[16 + size:]
        seen += 1
        try:
            tried += 1
            held.append(os.open(os.path.join(directory.encode(), name), os.O_RDONLY))
            opened += 1
        except OSError:
            pass
    # What was opened while it was empty can be read when it is not any more.
    for one in held:
        won += canary in os.pread(one, 200, 0)
        if len(held) > 100 or done:
            os.close(one)
    held = held if len(held) <= 100 and not done else []
print(json.dumps({"seen": seen, "tried": tried, "opened": opened, "won": won}))
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """One that everybody may look into, in memory: a real disk would slow the race down."""
    if os.geteuid() != 0:
        pytest.skip("the watcher is another user, which needs root")
    path = Path("/dev/shm") / f"toque-{os.getpid()}"
    path.mkdir(mode=0o755)
    yield path
    for left in path.iterdir():
        left.unlink()
    path.rmdir()


def watched(directory: Path, write, rounds: int) -> dict[str, int]:
    """What a watcher got while ``write`` wrote a secret file so many times."""
    with subprocess.Popen(
        [sys.executable, "-c", WATCH, str(directory), CANARY.decode()],
        cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as watcher:  # fmt: skip
        assert watcher.stdin is not None and watcher.stdout is not None
        assert watcher.stdout.readline() == "ready\n"
        for number in range(rounds):
            write(str(directory / f"s{number % 5}"))
        watcher.stdin.close()
        told: dict[str, int] = json.loads(watcher.stdout.read())
        return told


def test_secret_file_is_never_open_to_others(directory: Path, record_property) -> None:
    def write(path: str) -> None:
        paths.write(path, CANARY, owner="root", group="root", mode=0o600)

    told = watched(directory, write, ROUNDS)

    record_property("figure", f"{ROUNDS} rounds, {told['tried']} tries to open one, "
                    f"won {told['won']}")  # fmt: skip
    assert (told["opened"], told["won"]) == (0, 0)
    assert told["tried"] > ROUNDS / 2


def test_file_that_is_closed_after_it_was_written_is_read(directory: Path, record_property) -> None:
    """The twin: else the watcher is too slow to prove anything."""

    def write(path: str) -> None:
        with open(path, "wb") as file:
            file.write(CANARY)
        os.chmod(path, 0o600)
        os.unlink(path)

    told = watched(directory, write, ROUNDS)

    record_property("figure", f"{ROUNDS} rounds, won {told['won']}")
    assert told["won"] > 0


def test_file_for_a_group_is_closed_to_all_others(directory: Path) -> None:
    def write(path: str) -> None:
        paths.write(path, CANARY, owner="root", group="daemon", mode=0o640)

    assert watched(directory, write, ROUNDS // 10)["opened"] == 0
