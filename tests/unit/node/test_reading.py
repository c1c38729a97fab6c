"""What root reads: only what is meant, never through a link, and without waiting."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from toque.node import reading
from toque.node.errors import StepFailed
from toque.node.look import Look

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="another owner needs root")
APP = 4242  # a user that is not there: only its number matters


def test_kinds_are_told_apart_and_links_are_not_followed(tmp_path):
    (tmp_path / "f").write_bytes(b"123")
    (tmp_path / "l").symlink_to("nowhere")
    os.mkfifo(tmp_path / "p")
    assert reading.stat(str(tmp_path)).kind == "directory"
    assert reading.stat(str(tmp_path / "f")).size == 3
    link = reading.stat(str(tmp_path / "l"))
    assert (link.kind, link.target) == ("link", "nowhere")
    assert reading.stat(str(tmp_path / "p")).kind == "other"
    assert reading.stat("/").kind == "directory"


def test_nothing_and_below_a_file_are_none(tmp_path):
    (tmp_path / "f").write_bytes(b"")
    assert reading.stat(str(tmp_path / "no")) is None
    assert reading.stat(str(tmp_path / "f" / "no")) is None


def test_read_refuses_links_and_fifos_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "p")
    (tmp_path / "l").symlink_to("/etc/passwd")
    for name in ("p", "l"):
        with pytest.raises(StepFailed) as failed:
            reading.read(str(tmp_path / name))
        assert failed.value.code == "wrong-kind"


@pytest.mark.timeout(10)
def test_fifo_that_replaces_a_file_between_look_and_read_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "p")
    with pytest.raises(StepFailed) as failed:
        Look().read(str(tmp_path / "p"))
    assert failed.value.code == "wrong-kind"


@as_root
def test_hard_link_planted_in_a_directory_of_others_is_not_read(tmp_path, app_dir):
    """What is read may be shown in a diff, or copied beside the file for its owner."""
    (tmp_path / "shadow").write_bytes(b"root's")
    os.link(tmp_path / "shadow", app_dir / "f")
    with pytest.raises(StepFailed) as failed:
        reading.read(str(app_dir / "f"))
    assert failed.value.code == "unsafe-path"
    os.link(tmp_path / "shadow", tmp_path / "second")  # where only root could make it
    assert reading.read(str(tmp_path / "second")) == b"root's"


@as_root
@pytest.mark.parametrize("name", ["root/etc/hostname", "cwd/f", "fd/0", "exe"])
def test_magic_links_of_proc_are_not_followed(tmp_path, name):
    """They lead where their owner wants, past mounts and what a path would allow."""
    with (
        subprocess.Popen(["cat"], cwd="/", user=APP, stdin=subprocess.PIPE) as theirs,
        pytest.raises(StepFailed) as failed,
    ):
        reading.read(f"/proc/{theirs.pid}/{name}")
    assert failed.value.code in ("unsafe-path", "wrong-kind")


def test_link_that_becomes_a_file_while_it_is_looked_at_is_told_as_one_of_them(
    tmp_path, monkeypatch
):
    (tmp_path / "l").symlink_to("nowhere")
    real = os.stat

    def swap(*args, **kwargs):
        status = real(*args, **kwargs)
        if stat.S_ISLNK(status.st_mode):
            (tmp_path / "l").unlink()
            (tmp_path / "l").write_bytes(b"123")
        return status

    monkeypatch.setattr(os, "stat", swap)
    seen = reading.stat(str(tmp_path / "l"))
    assert (seen.kind, seen.size, seen.target) == ("file", 3, "")


def test_names_of_nothing_are_empty(tmp_path):
    assert reading.names(str(tmp_path / "no")) == []


def test_a_file_of_the_kernel_is_read_whole_though_its_size_is_0():
    assert reading.read("/proc/sys/kernel/pid_max") == Path("/proc/sys/kernel/pid_max").read_bytes()
