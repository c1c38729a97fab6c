"""What a node remembers survives kills, and its lock dies with whoever holds it."""

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, List

import pytest

from toque.node import journal
from toque.node.journal import DiskJournal, Held, MemoryJournal
from toque.node.model import Action

NGINX = Action("service:nginx", "reload")
APP = Action("service:app", "restart")


def test_owed_actions_are_read_back_by_another_process(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        DiskJournal(str(tmp_path)).owe((NGINX, APP))
        os.kill(os.getpid(), signal.SIGKILL)  # nothing gets a chance to be flushed
    os.waitpid(child, 0)

    assert DiskJournal(str(tmp_path)).owed() == (NGINX, APP)


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_owing_twice_is_owing_once_and_settling_forgets_only_what_was_done(
    kind: str, tmp_path: Path
) -> None:
    ledger = DiskJournal(str(tmp_path)) if kind == "disk" else MemoryJournal()

    ledger.owe((NGINX,))
    ledger.owe((APP, NGINX))
    assert ledger.owed() == (NGINX, APP)
    ledger.settle((NGINX,))

    assert ledger.owed() == (APP,)


def test_owed_list_is_on_the_disk_before_owe_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File written, synced, renamed, directory synced: in this order and nothing left out."""
    calls: List[str] = []
    fsync, rename = os.fsync, os.rename

    def synced(descriptor: int) -> None:
        what = os.readlink(f"/proc/self/fd/{descriptor}")
        calls.append("sync directory" if os.path.isdir(what) else "sync file")
        fsync(descriptor)

    def renamed(old: str, new: str) -> None:
        calls.append("rename")
        rename(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)

    DiskJournal(str(tmp_path)).owe((NGINX,))

    assert calls == ["sync file", "rename", "sync directory"]


def test_kill_while_writing_leaves_the_old_list_and_no_growing_heap_of_leftovers(
    tmp_path: Path,
) -> None:
    DiskJournal(str(tmp_path)).owe((NGINX,))
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
            DiskJournal(str(tmp_path)).owe((APP,))
            os._exit(0)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL

    assert DiskJournal(str(tmp_path)).owed() == (NGINX,)
    assert len(os.listdir(tmp_path)) <= 2


def test_second_taker_is_told_who_holds_and_since_when(tmp_path: Path) -> None:
    lock = journal.take_lock(str(tmp_path), {"by": "ada@desk", "run": "r1", "plan": "setup web"})

    with pytest.raises(Held) as held:
        journal.take_lock(str(tmp_path), {"by": "bob@desk", "run": "r2", "plan": "setup web"})
    os.close(lock)

    assert {k: held.value.holder[k] for k in ("by", "run", "plan")} == {
        "by": "ada@desk",
        "run": "r1",
        "plan": "setup web",
    }
    assert isinstance(held.value.holder["since"], int)


def test_holder_is_seen_without_getting_in_the_way(tmp_path: Path) -> None:
    state = str(tmp_path)
    assert journal.holder_of(state) is None  # never locked
    lock = journal.take_lock(state, {"by": "ada@desk", "run": "r1"})

    seen = journal.holder_of(state)
    os.close(lock)

    assert seen is not None
    assert seen["by"] == "ada@desk"
    assert journal.holder_of(state) is None
    os.close(journal.take_lock(state, {"by": "bob@desk", "run": "r2"}))


def test_lock_dies_with_its_holder_and_lives_in_its_child(tmp_path: Path) -> None:
    """As in a run: the one who took it closes its copy, the forked walk goes on holding."""
    state = str(tmp_path)
    lock = journal.take_lock(state, {"by": "ada@desk", "run": "r1"})
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    os.close(lock)

    holder = journal.holder_of(state)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

    assert holder is not None and holder["run"] == "r1"
    assert journal.holder_of(state) is None


def test_programs_that_the_holder_starts_do_not_hold(tmp_path: Path) -> None:
    """An apt that outlives a killed run must not keep the node locked for ever."""
    lock = journal.take_lock(str(tmp_path), {"by": "ada@desk", "run": "r1"})

    inherited = os.get_inheritable(lock)
    os.close(lock)

    assert not inherited


def test_token_grows_and_is_never_handed_out_twice(tmp_path: Path) -> None:
    tokens = [journal.next_token(str(tmp_path)) for _ in range(5)]

    assert tokens == [1, 2, 3, 4, 5]
    assert (tmp_path / "token").read_text() == "5"


def test_oldest_runs_are_dropped_and_the_newest_kept(tmp_path: Path) -> None:
    for number in range(journal.KEEP_RUNS + 3):
        directory = journal.run_directory(str(tmp_path), f"20260101T{number:06}-abc")
        Path(directory, "events.jsonl").write_text("{}\n")

    runs = journal.last_runs(str(tmp_path))

    assert len(runs) == journal.KEEP_RUNS
    assert runs[-1] == f"20260101T{journal.KEEP_RUNS + 2:06}-abc"
    assert runs[0] == "20260101T000003-abc"


def test_run_directories_are_for_root_only(tmp_path: Path) -> None:
    directory = Path(journal.run_directory(str(tmp_path), "r1"))

    assert directory.stat().st_mode & 0o077 == 0
    assert directory.parent.stat().st_mode & 0o077 == 0


def test_disk_that_takes_a_part_of_a_write_leaves_the_old_text_or_the_whole_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """write(2) may take less than it was given, and tells that the disk is full only afterwards."""
    path, text, room = tmp_path / "owed.json", "[" + "1," * 1000 + "1]", [0]
    real = os.write

    def partly(descriptor: int, data: bytes) -> int:
        taken = real(descriptor, data[: min(7, room[0])]) if room[0] else 0
        room[0] -= taken
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return taken

    monkeypatch.setattr(os, "write", partly)
    path.write_text("old")
    for room_left in (0, 1, 7, 8, 1000, len(text) - 1):
        room[0] = room_left
        with pytest.raises(OSError, match="No space left"):
            journal.durable(str(path), text)
        assert path.read_text() == "old"
    room[0] = len(text)
    journal.durable(str(path), text)
    assert path.read_text() == text


def test_replacing_is_durable_in_this_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def watch(name: str, real: Callable[..., Any]) -> None:
        def call(*args: Any, **rest: Any) -> Any:
            said.append(name)
            return real(*args, **rest)

        monkeypatch.setattr(os, name, call)

    for name in ("write", "fsync", "rename"):
        watch(name, getattr(os, name))
    journal.durable(str(tmp_path / "a"), "text")
    assert said == ["write", "fsync", "rename", "fsync"]
