"""Root's way to files: links that others could plant are never followed, replacing is all or
nothing.  Each planted case says what an ordinary ``open`` would have done."""

import errno
import os
import stat
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from toque.node import paths, reading, removal, walk
from toque.node.errors import NotReady, StepFailed

ME = str(os.geteuid())
MINE = str(os.getegid())
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="another owner needs root")
APP = 4242  # a user that is not there: only its number matters


def put(path: Path, data: bytes = b"new\n", mode: int = 0o644, accept=None) -> None:
    paths.write(str(path), data, owner=ME, group=MINE, mode=mode, accept=accept)


def staged_in(directory: Path) -> str:
    """The name that a copy has before it is put in place."""
    seen = []
    put(directory / "a", accept=seen.append)
    return os.path.basename(seen[0])


def leftovers(directory: Path) -> list[str]:
    return [name for name in os.listdir(directory) if name.startswith(".toque")]


class TestWrite:
    def test_new_file_has_its_bytes_and_mode_whatever_the_umask(self, tmp_path):
        before = os.umask(0o077)
        try:
            put(tmp_path / "a", b"\x00\xff", 0o664)
        finally:
            os.umask(before)
        assert (tmp_path / "a").read_bytes() == b"\x00\xff"
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o664
        assert leftovers(tmp_path) == []

    @as_root
    def test_owner_and_group_may_be_numbers_without_a_name(self, tmp_path):
        paths.write(str(tmp_path / "a"), b"", owner="4242", group="4243", mode=0o600)
        seen = reading.stat(str(tmp_path / "a"))
        assert (seen.owner, seen.group, seen.mode, seen.kind) == ("4242", "4243", 0o600, "file")

    def test_unknown_user_and_group_are_not_ready_and_nothing_is_written(self, tmp_path):
        with pytest.raises(NotReady) as user:
            paths.write(str(tmp_path / "a"), b"", owner="no-such-user", group=MINE)
        with pytest.raises(NotReady) as group:
            paths.write(str(tmp_path / "a"), b"", owner=ME, group="no-such-group")
        assert (user.value.code, group.value.code) == ("user-missing", "group-missing")
        assert os.listdir(tmp_path) == []

    def test_refused_by_its_check_the_old_file_stays_and_no_copy_is_left(self, tmp_path):
        (tmp_path / "a.conf").write_bytes(b"old")
        inode = (tmp_path / "a.conf").stat().st_ino
        staged = []

        def refuse(path: str) -> None:
            staged.append((path, Path(path).read_bytes(), stat.S_IMODE(os.stat(path).st_mode)))
            raise StepFailed("check-failed", "no")

        with pytest.raises(StepFailed, match="no"):
            put(tmp_path / "a.conf", b"new", 0o640, accept=refuse)
        assert (tmp_path / "a.conf").read_bytes() == b"old"
        assert (tmp_path / "a.conf").stat().st_ino == inode
        [(path, data, mode)] = staged
        assert (data, mode) == (b"new", 0o640)
        assert Path(path).parent == tmp_path
        # nginx's, sh's and Python's * leave out a leading dot; the extension is kept for tools.
        assert Path(path).name.startswith(".")
        assert path.endswith("a.conf")
        assert os.listdir(tmp_path) == ["a.conf"]

    @pytest.mark.parametrize("call", ["fchown", "fchmod", "fsync", "rename"])
    @pytest.mark.parametrize(
        ("number", "code"), [(errno.ENOSPC, "disk-full"), (errno.EROFS, "read-only")]
    )
    def test_any_call_may_fail_and_the_old_file_stays(
        self, tmp_path, monkeypatch, call, number, code
    ):
        (tmp_path / "a").write_bytes(b"old")

        def fail(*args, **kwargs):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, call, fail)
        with pytest.raises(StepFailed) as failed:
            put(tmp_path / "a")
        assert failed.value.code == code
        assert (tmp_path / "a").read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["a"]

    def test_secret_file_is_closed_to_others_before_it_has_content(self, tmp_path, monkeypatch):
        seen = []
        real = os.fchmod

        def watch(fd, mode):
            there = os.fstat(fd)
            seen.append((stat.S_IMODE(there.st_mode), there.st_size, mode))
            real(fd, mode)

        monkeypatch.setattr(os, "fchmod", watch)
        put(tmp_path / "s", b"secret", 0o400)
        assert seen[0] == (0o600, 0, 0o400)
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o400

    def test_copies_left_by_a_killed_run_are_swept_and_only_those(self, tmp_path):
        stale = tmp_path / ".toque-0123456789abcdef-a"
        other = tmp_path / ".toque-0123456789abcdef-b"
        stale.write_bytes(b"")
        other.write_bytes(b"")
        put(tmp_path / "a")
        assert sorted(os.listdir(tmp_path)) == [other.name, "a"]

    @pytest.mark.parametrize("there", [True, False])
    def test_replacing_is_durable_in_this_order(self, tmp_path, monkeypatch, there):
        """Measured: without the last, a power cut left the old file in 3 of 6 cases."""
        if there:
            (tmp_path / "a").write_bytes(b"old")
        said = []
        fsync, rename = os.fsync, os.rename

        def watched_fsync(fd):
            fsync(fd)
            kind = "directory" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"
            said.append(f"fsync {kind} of {os.fstat(fd).st_size if kind == 'file' else 'it'}")

        def watched_rename(*args, **kwargs):
            rename(*args, **kwargs)
            said.append("rename")

        monkeypatch.setattr(os, "fsync", watched_fsync)
        monkeypatch.setattr(os, "rename", watched_rename)
        put(tmp_path / "a", b"12345")
        assert said == ["fsync file of 5", "rename", "fsync directory of it"]

    def test_staged_name_cannot_be_guessed(self, tmp_path):
        staged = [staged_in(tmp_path) for _ in range(20)]
        assert len(set(staged)) == 20
        assert all(len(name) == len(".toque-") + 16 + len("-a") for name in staged)

    def test_staged_copy_that_is_there_is_not_taken(self, tmp_path, monkeypatch):
        """Even if somebody guesses the name: root never writes into a file of theirs."""
        monkeypatch.setattr(paths.os, "urandom", bytes)
        monkeypatch.setattr(paths, "_sweep", lambda place: None)
        (tmp_path / ".toque-0000000000000000-a").write_bytes(b"theirs, held open")
        held = os.open(tmp_path / ".toque-0000000000000000-a", os.O_RDONLY)
        try:
            with pytest.raises(StepFailed) as failed:
                put(tmp_path / "a", b"a secret")
            assert os.pread(held, 100, 0) == b"theirs, held open"
        finally:
            os.close(held)
        assert failed.value.code == "wrong-kind"
        assert not (tmp_path / "a").exists()

    def test_longest_name_the_kernel_takes_is_written(self, tmp_path):
        put(tmp_path / ("x" * 251 + ".ini"))
        assert os.listdir(tmp_path) == ["x" * 251 + ".ini"]

    def test_missing_directory_is_not_ready(self, tmp_path):
        with pytest.raises(NotReady) as failed:
            put(tmp_path / "no" / "a")
        assert failed.value.code == "directory-missing"
        assert str(tmp_path / "no") in failed.value.hint

    def test_directory_in_its_place_is_not_replaced(self, tmp_path):
        (tmp_path / "a").mkdir()
        with pytest.raises(StepFailed) as failed:
            put(tmp_path / "a")
        assert failed.value.code == "wrong-kind"
        assert os.listdir(tmp_path) == ["a"]

    def test_last_component_that_is_a_link_is_replaced_not_followed(self, tmp_path):
        (tmp_path / "victim").write_bytes(b"mine")
        (tmp_path / "a").symlink_to(tmp_path / "victim")
        put(tmp_path / "a")
        assert (tmp_path / "victim").read_bytes() == b"mine"
        assert not (tmp_path / "a").is_symlink()

    def test_hard_link_to_another_file_is_replaced_not_written_through(self, tmp_path):
        (tmp_path / "victim").write_bytes(b"mine")
        os.link(tmp_path / "victim", tmp_path / "a")
        put(tmp_path / "a")
        assert (tmp_path / "victim").read_bytes() == b"mine"

    def test_check_in_a_directory_of_others_is_refused(self, app_dir):
        with pytest.raises(StepFailed) as failed:
            put(app_dir / "a", accept=lambda staged: None)
        assert failed.value.code == "unsafe-path"
        assert os.listdir(app_dir) == []


class TestWalk:
    @pytest.mark.parametrize("path", ["a", "", "/a/../b", "/..", "/a\0b", "/"])
    def test_paths_that_are_not_one_plain_path_are_refused(self, path):
        with pytest.raises(StepFailed) as failed:
            removal.remove(path)
        assert failed.value.code == "unsafe-path"

    def test_links_that_only_we_can_change_are_followed(self, tmp_path):
        (tmp_path / "real" / "deep").mkdir(parents=True)
        (tmp_path / "absolute").symlink_to(tmp_path / "real")
        (tmp_path / "relative").symlink_to("./real/deep/../deep")
        put(tmp_path / "absolute" / "deep" / "a", b"1")
        assert reading.read(str(tmp_path / "relative" / "a")) == b"1"
        assert reading.names(str(tmp_path / "relative")) == ["a"]

    def test_debians_own_links_are_followed(self):
        if not os.path.islink("/var/run"):
            pytest.skip("/var/run is no link here")
        assert reading.names("/var/run") == sorted(os.listdir("/run"))

    def test_link_of_somebody_else_is_refused_by_every_call(self, tmp_path, app_dir):
        (tmp_path / "victim").mkdir()
        (tmp_path / "victim" / "f").write_bytes(b"")
        os.symlink(tmp_path / "victim", app_dir / "x")
        os.lchown(app_dir / "x", APP, APP)
        at = str(app_dir / "x" / "f")
        calls = [
            lambda: put(Path(at)),
            lambda: reading.stat(at),
            lambda: reading.read(at),
            lambda: reading.names(str(app_dir / "x")),
            lambda: paths.mkdir(at + "2", owner=ME, group=MINE, mode=0o755),
            lambda: paths.chown(at, ME, MINE),
            lambda: paths.chmod(at, 0o777),
            lambda: paths.link(at, "t"),
            lambda: paths.rename(at, str(tmp_path / "g")),
            lambda: removal.remove(at),
            lambda: removal.remove_tree(at),
        ]
        for call in calls:
            with pytest.raises(StepFailed) as failed:
                call()
            assert failed.value.code == "unsafe-path"
        assert os.listdir(tmp_path / "victim") == ["f"]

    @as_root
    def test_link_of_somebody_else_in_a_directory_of_ours_is_refused(self, tmp_path):
        (tmp_path / "victim").mkdir()
        os.symlink("victim", tmp_path / "x")
        os.lchown(tmp_path / "x", APP, APP)
        with pytest.raises(StepFailed) as failed:
            put(tmp_path / "x" / "f")
        assert failed.value.code == "unsafe-path"

    def test_our_link_in_a_directory_of_others_is_refused(self, tmp_path, app_dir):
        (tmp_path / "victim").mkdir()
        os.symlink(tmp_path / "victim", app_dir / "x")  # owned by us, as a hard link to it is
        with pytest.raises(StepFailed) as failed:
            put(app_dir / "x" / "f")
        assert failed.value.code == "unsafe-path"

    def test_our_link_below_a_directory_of_others_is_refused(self, tmp_path, app_dir):
        # They can put another directory of ours, with another link, where this one stands.
        (app_dir / "ours").mkdir()
        os.symlink(tmp_path, app_dir / "ours" / "x")
        with pytest.raises(StepFailed) as failed:
            put(app_dir / "ours" / "x" / "f")
        assert failed.value.code == "unsafe-path"

    @as_root
    @pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
    def test_our_link_where_others_can_write_is_refused(self, tmp_path, mode):
        (tmp_path / "open").mkdir()
        os.chown(tmp_path / "open", 0, APP)
        (tmp_path / "open" / "x").symlink_to(tmp_path)
        (tmp_path / "open").chmod(mode)
        with pytest.raises(StepFailed) as failed:
            put(tmp_path / "open" / "x" / "f")
        assert failed.value.code == "unsafe-path"

    @pytest.mark.parametrize("target", ["x", "y/z", "../x"])
    def test_loop_ends_as_a_failure_or_as_nothing(self, tmp_path, target):
        (tmp_path / "x").symlink_to(target)
        (tmp_path / "y").symlink_to("x")
        with pytest.raises(StepFailed) as failed:
            put(tmp_path / "x" / "f")
        assert failed.value.code in ("unsafe-path", "directory-missing")

    def test_dangling_parent_is_missing(self, tmp_path):
        (tmp_path / "x").symlink_to("nothing")
        assert reading.stat(str(tmp_path / "x" / "f")) is None
        with pytest.raises(NotReady):
            put(tmp_path / "x" / "f")

    def test_no_descriptor_is_left_open(self, tmp_path):
        before = len(os.listdir("/dev/fd"))
        (tmp_path / "l").symlink_to("d")
        paths.mkdir(str(tmp_path / "d"), owner=ME, group=MINE, mode=0o755)
        put(tmp_path / "l" / "a")
        reading.read(str(tmp_path / "l" / "a"))
        reading.names(str(tmp_path / "l"))
        paths.chmod(str(tmp_path / "l" / "a"), 0o600)
        with pytest.raises(FileNotFoundError):
            reading.read(str(tmp_path / "l" / "no"))
        removal.remove_tree(str(tmp_path / "d"))
        assert len(os.listdir("/dev/fd")) == before

    def test_racer_that_swaps_a_directory_for_a_link_never_wins(self, tmp_path, app_dir):
        victim = tmp_path / "victim"
        victim.mkdir()
        # As the app user: exchange a real directory and a link to the victim, all the time.
        racer = """
import ctypes, os, sys
os.chdir(sys.argv[1]); os.setresgid(4242, 4242, 4242); os.setresuid(4242, 4242, 4242)
os.mkdir("x", 0o777); os.symlink(sys.argv[2], "y")
libc = ctypes.CDLL(None); print("go", flush=True)
while True: libc.renameat2(-100, b"x", -100, b"y", 2)
"""
        argv = [sys.executable, "-c", racer, str(app_dir), str(victim)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd="/") as process:
            try:
                assert process.stdout.readline() == b"go\n"
                won, refused = 0, Counter()
                until = time.monotonic() + 1
                while time.monotonic() < until:
                    try:
                        put(app_dir / "x" / "f", b"root's")
                        won += 1
                    except StepFailed as failed:
                        refused[failed.code] += 1
            finally:
                process.kill()
        assert os.listdir(victim) == []
        assert won  # else the race did not happen
        assert refused["unsafe-path"]
        assert set(refused) <= {"unsafe-path", "wrong-kind"}


class TestOwnerAndMode:
    @as_root
    def test_changed_on_files_and_directories(self, tmp_path):
        (tmp_path / "f").write_bytes(b"")
        for path in (tmp_path / "f", tmp_path):
            paths.chown(str(path), "4242", None)
            paths.chmod(str(path), 0o2751)
            seen = reading.stat(str(path))
            assert (seen.owner, seen.group, seen.mode) == ("4242", "root", 0o2751)

    @as_root
    def test_hard_link_planted_in_a_directory_of_others_is_refused(self, tmp_path, app_dir):
        (tmp_path / "shadow").write_bytes(b"root's")
        os.link(tmp_path / "shadow", app_dir / "f")
        for call in (
            lambda: paths.chown(str(app_dir / "f"), "4242", "4242"),
            lambda: paths.chmod(str(app_dir / "f"), 0o666),
        ):
            with pytest.raises(StepFailed) as failed:
                call()
            assert failed.value.code == "unsafe-path"
        assert (tmp_path / "shadow").stat().st_uid == 0

    @as_root
    def test_file_of_others_with_two_names_is_refused(self, tmp_path):
        (tmp_path / "f").write_bytes(b"")
        os.chown(tmp_path / "f", APP, APP)
        os.link(tmp_path / "f", tmp_path / "g")
        with pytest.raises(StepFailed) as failed:
            paths.chown(str(tmp_path / "f"), "root", None)
        assert failed.value.code == "unsafe-path"

    def test_nothing_there_is_not_ready(self, tmp_path):
        for call in (
            lambda: paths.chmod(str(tmp_path / "no"), 0o600),
            lambda: paths.rename(str(tmp_path / "no"), str(tmp_path / "new")),
        ):
            with pytest.raises(NotReady) as failed:
                call()
            assert failed.value.code == "file-missing"

    def test_link_is_refused(self, tmp_path):
        (tmp_path / "f").write_bytes(b"")
        (tmp_path / "f").chmod(0o600)
        (tmp_path / "l").symlink_to("f")
        with pytest.raises(StepFailed) as failed:
            paths.chmod(str(tmp_path / "l"), 0o777)
        assert failed.value.code == "wrong-kind"
        assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600


class TestDirectoriesAndLinks:
    def test_mkdir_has_exactly_its_mode_even_below_a_set_group_id_one(self, tmp_path):
        tmp_path.chmod(0o2755)
        paths.mkdir(str(tmp_path / "d"), owner=ME, group=MINE, mode=0o750)
        assert reading.stat(str(tmp_path / "d")).mode == 0o750

    def test_mkdir_over_something_is_refused(self, tmp_path):
        (tmp_path / "d").symlink_to("/etc")
        with pytest.raises(StepFailed) as failed:
            paths.mkdir(str(tmp_path / "d"), owner=ME, group=MINE, mode=0o750)
        assert failed.value.code == "wrong-kind"

    def test_link_replaces_a_link_but_not_a_directory(self, tmp_path):
        paths.link(str(tmp_path / "current"), "releases/1")
        paths.link(str(tmp_path / "current"), "releases/2")
        assert os.readlink(tmp_path / "current") == "releases/2"
        (tmp_path / "d").mkdir()
        with pytest.raises(StepFailed) as failed:
            paths.link(str(tmp_path / "d"), "x")
        assert failed.value.code == "wrong-kind"
        assert leftovers(tmp_path) == []

    def test_rename_moves_over_a_file(self, tmp_path):
        (tmp_path / "a").write_bytes(b"a")
        (tmp_path / "b").write_bytes(b"b")
        paths.rename(str(tmp_path / "a"), str(tmp_path / "b"))
        assert os.listdir(tmp_path) == ["b"]
        assert (tmp_path / "b").read_bytes() == b"a"


def test_explained_keeps_the_systems_own_words():
    with pytest.raises(StepFailed) as failed, walk.explained("/a/b", "write"):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))
    assert failed.value.code == "path-failed"
    assert "Operation not permitted" in failed.value.message
