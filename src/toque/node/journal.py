"""What a node remembers between runs: who holds it, actions owed, finished reports.

    STATE/lock            held (locked) while an apply runs; names its holder
    STATE/token           grows with each apply
    STATE/owed.json       actions that some run owed and none has performed
    STATE/runs/RUN/       events.jsonl, written as the run goes; stop, when it was asked to end;
                          called, while it asks for a new connection

All writes are durable before they count: temp file, fsync, rename, fsync of the directory.
The lock is the kernel's, so a killed holder never has to be unlocked by hand.
"""

import fcntl
import json
import os
import struct
import time
from typing import Any, Dict, List, Mapping, Optional, Protocol, Tuple

from .model import Action
from .walk import explained

STATE = "/var/lib/toque"
KEEP_RUNS = 50

# Open file description locks (fcntl_locking(2)): inherited by the forked walk, released by the
# kernel when it dies, and, unlike flock, they can be looked at without being taken.
F_OFD_GETLK, F_OFD_SETLK = 36, 37


class Journal(Protocol):
    """What the engine needs: owed actions that survive whatever happens to this process."""

    def owed(self) -> Tuple[Action, ...]:
        """Actions owed, oldest first."""
        ...

    def owe(self, actions: Tuple[Action, ...]) -> None:
        """Remember, durably, before the change that makes them due."""
        ...

    def settle(self, actions: Tuple[Action, ...]) -> None:
        """Forget: they were performed, or the change did not happen."""
        ...


class MemoryJournal:
    """The same in a list, for check mode and tests."""

    def __init__(self, owed: Tuple[Action, ...] = ()) -> None:
        self._owed: List[Action] = list(owed)

    def owed(self) -> Tuple[Action, ...]:
        return tuple(self._owed)

    def owe(self, actions: Tuple[Action, ...]) -> None:
        self._owed += [a for a in actions if a not in self._owed]

    def settle(self, actions: Tuple[Action, ...]) -> None:
        self._owed = [a for a in self._owed if a not in actions]


class DiskJournal:
    """The journal of this machine, under ``state`` (a directory only root can write)."""

    def __init__(self, state: str = STATE) -> None:
        self.state = state
        self._path = os.path.join(state, "owed.json")
        self._owed: Optional[Tuple[Action, ...]] = None  # read once: who writes holds the lock

    def owed(self) -> Tuple[Action, ...]:
        if self._owed is None:
            self._owed = self._read()
        return self._owed

    def _read(self) -> Tuple[Action, ...]:
        try:
            with open(self._path, encoding="utf-8") as file:
                return tuple(Action(target, verb) for target, verb in json.load(file))
        except FileNotFoundError:
            return ()

    def owe(self, actions: Tuple[Action, ...]) -> None:
        before = self.owed()
        self._save(before + tuple(a for a in actions if a not in before), before)

    def settle(self, actions: Tuple[Action, ...]) -> None:
        before = self.owed()
        self._save(tuple(a for a in before if a not in actions), before)

    def _save(self, owed: Tuple[Action, ...], before: Tuple[Action, ...]) -> None:
        if owed == before:
            return
        with explained(self._path, "write"):
            durable(self._path, json.dumps([[a.target, a.verb] for a in owed]))
        self._owed = owed


class Held(Exception):
    """Another run holds this node; ``holder`` says ``by``, ``since`` (seconds), ``run``."""

    def __init__(self, holder: Mapping[str, Any]) -> None:
        super().__init__("another run holds this node")
        self.holder = dict(holder)


def take_lock(state: str, holder: Mapping[str, Any]) -> int:
    """A descriptor that holds the node until it, and its copies in children, are closed.

    Raises ``Held``.
    """
    descriptor = os.open(os.path.join(state, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.fcntl(descriptor, F_OFD_SETLK, _whole_file(fcntl.F_WRLCK))
    except (BlockingIOError, PermissionError):
        text = os.pread(descriptor, 4096, 0)
        os.close(descriptor)
        raise Held(_parse(text)) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({**holder, "since": int(time.time())}).encode(), 0)
    return descriptor


def next_token(state: str) -> int:
    """A number that was never handed out before on this node; call it with the lock held."""
    path = os.path.join(state, "token")
    try:
        with open(path, encoding="ascii") as file:
            token = int(file.read() or 0) + 1
    except (FileNotFoundError, ValueError):
        token = 1
    durable(path, str(token))
    return token


def run_directory(state: str, run: str) -> str:
    """Make the directory of a run and drop the oldest beyond ``KEEP_RUNS``."""
    runs = os.path.join(state, "runs")
    os.makedirs(runs, mode=0o700, exist_ok=True)
    for old in sorted(os.listdir(runs))[: -KEEP_RUNS + 1]:
        for name in os.listdir(os.path.join(runs, old)):
            os.unlink(os.path.join(runs, old, name))
        os.rmdir(os.path.join(runs, old))
    path = os.path.join(runs, run)
    os.mkdir(path, 0o700)
    return path


def events_path(state: str, run: str) -> str:
    return os.path.join(state, "runs", run, "events.jsonl")


def stop_path(state: str, run: str) -> str:
    """A file whose presence asks a run to end after its step, by those who did not start it."""
    return os.path.join(state, "runs", run, "stop")


def called_path(state: str, run: str) -> str:
    """A file whose presence tells a run that its caller got here by a new connection."""
    return os.path.join(state, "runs", run, "called")


def last_runs(state: str) -> List[str]:
    """Run ids, newest last (ids begin with the time)."""
    try:
        return sorted(os.listdir(os.path.join(state, "runs")))
    except FileNotFoundError:
        return []


def holder_of(state: str) -> Optional[Dict[str, Any]]:
    """Who holds the node now, or None.  Only looks: never in the way of a run that starts."""
    try:
        descriptor = os.open(os.path.join(state, "lock"), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        answer = fcntl.fcntl(descriptor, F_OFD_GETLK, _whole_file(fcntl.F_WRLCK))
        if struct.unpack_from("h", answer)[0] == fcntl.F_UNLCK:
            return None
        return _parse(os.pread(descriptor, 4096, 0))
    finally:
        os.close(descriptor)


def durable(path: str, text: str) -> None:
    """Replace a small file of our own so that a power cut leaves the old or the new one.

    Only the holder of the lock writes, so one name does for what is staged, and a kill leaves no
    more than that one behind.
    """
    staged = f"{path}.new"
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        rest = text.encode("utf-8")
        while rest:  # a disk that fills up takes a part, and says so only the next time
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(staged, path)
    synced(os.path.dirname(path))


def synced(directory: str) -> None:
    """Make renames in a directory of our own survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _whole_file(kind: int) -> bytes:
    """``struct flock`` of fcntl_locking(2) for the whole file, on 64-bit Linux."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0)


def _parse(text: bytes) -> Dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
