"""What root removes: all that it was told to, and nothing that a link leads to."""

import os

import pytest

from toque.node import removal
from toque.node.errors import StepFailed


def test_removes_files_links_and_empty_directories_and_nothing(tmp_path):
    (tmp_path / "f").write_bytes(b"")
    (tmp_path / "l").symlink_to("f")
    (tmp_path / "d").mkdir()
    for name in ("l", "f", "d", "no"):
        removal.remove(str(tmp_path / name))
    assert os.listdir(tmp_path) == []


def test_directory_with_something_in_it_stays(tmp_path):
    (tmp_path / "d" / "e").mkdir(parents=True)
    with pytest.raises(StepFailed) as failed:
        removal.remove(str(tmp_path / "d"))
    assert failed.value.code == "directory-not-empty"


def test_tree_goes_and_what_its_links_lead_to_stays(tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "f").write_bytes(b"")
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "f").write_bytes(b"")
    (tree / "a" / "file").symlink_to(victim / "f")
    (tree / "directory").symlink_to(victim)
    removal.remove_tree(str(tree))
    removal.remove_tree(str(tree))  # not there: nothing happens
    assert os.listdir(tmp_path) == ["victim"]
    assert os.listdir(victim) == ["f"]


def test_tree_that_is_a_link_is_only_unlinked(tmp_path):
    (tmp_path / "victim" / "x").mkdir(parents=True)
    (tmp_path / "l").symlink_to("victim")
    removal.remove_tree(str(tmp_path / "l"))
    assert os.listdir(tmp_path / "victim") == ["x"]
    assert not (tmp_path / "l").is_symlink()


def test_deeper_than_descriptors_recursion_and_path_length_allow(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deep", dir_fd=fd)
        inner = os.open("deep", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    removal.remove_tree(str(tmp_path / "deep"))
    assert os.listdir(tmp_path) == []
