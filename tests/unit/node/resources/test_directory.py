import os

import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.model import Facts
from toque.node.realsystem import RealSystem
from toque.node.resource import Invalid, differing
from toque.node.resources.directory import Directory
from toque.node.resources.link import Link


@pytest.fixture
def system():
    return RealSystem(Facts())


def apply(resource, system):
    resource.validate()
    keys = differing(resource.wanted(), resource.found(system))
    if keys:
        resource.fix(system, keys)
        assert differing(resource.wanted(), resource.found(system)) == frozenset()
    return keys


def directory(path, **more):
    return Directory(str(path), **{"owner": None, "group": None, **more})


def test_directory_is_made_once_with_its_mode(tmp_path, system):
    wanted = directory(tmp_path / "d", mode=0o2750)
    assert "exists" in apply(wanted, system)
    assert apply(wanted, system) == frozenset()
    assert os.stat(tmp_path / "d").st_mode & 0o7777 == 0o2750


def test_mode_is_put_right(tmp_path, system):
    (tmp_path / "d").mkdir(mode=0o700)
    assert apply(directory(tmp_path / "d", mode=0o711), system) == {"mode"}


def test_missing_parents_are_made_only_when_asked(tmp_path, system):
    with pytest.raises(NotReady) as failed:
        apply(directory(tmp_path / "a" / "b" / "c", mode=0o700), system)
    assert failed.value.code == "directory-missing"
    if os.geteuid() != 0:
        pytest.skip("parents belong to root")
    apply(directory(tmp_path / "a" / "b" / "c", mode=0o700, parents=True), system)
    modes = [os.stat(tmp_path / p).st_mode & 0o7777 for p in ("a", "a/b", "a/b/c")]
    assert modes == [0o755, 0o755, 0o700]


def test_absent_removes_what_is_empty_and_all_only_when_recursive(tmp_path, system):
    (tmp_path / "d" / "e").mkdir(parents=True)
    with pytest.raises(StepFailed) as failed:
        apply(directory(tmp_path / "d", absent=True), system)
    assert failed.value.code == "directory-not-empty"
    assert "recursive=True" in failed.value.hint
    assert apply(directory(tmp_path / "d", absent=True, recursive=True), system) == {"exists"}
    assert apply(directory(tmp_path / "d", absent=True), system) == frozenset()


def test_file_in_its_place_is_left(tmp_path, system):
    (tmp_path / "d").write_bytes(b"")
    with pytest.raises(StepFailed) as failed:
        apply(directory(tmp_path / "d"), system)
    assert (failed.value.code, failed.value.found) == ("wrong-kind", "a file")


@pytest.mark.parametrize(
    "wanted",
    [
        Directory("relative"),
        Directory("/a", recursive=True),
        Directory("/a", owner="4242"),
        Directory("/etc", absent=True),
        Directory("/var/lib", absent=True, recursive=True),
        Directory("/", absent=True),
        Link("/a"),
        Link("a", "b"),
    ],
    ids=repr,
)
def test_declarations_that_can_never_be_right_are_refused(wanted):
    with pytest.raises(Invalid):
        wanted.validate()


def test_link_is_made_moved_and_removed(tmp_path, system):
    path = str(tmp_path / "l")
    assert "exists" in apply(Link(path, "a"), system)
    assert apply(Link(path, "a"), system) == frozenset()
    assert apply(Link(path, "/b"), system) == {"target"}
    assert os.readlink(path) == "/b"
    assert apply(Link(path, absent=True), system) == {"exists"}
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("absent", [True, False])
def test_link_never_replaces_or_removes_a_file(tmp_path, system, absent):
    (tmp_path / "l").write_bytes(b"mine")
    with pytest.raises(StepFailed) as failed:
        apply(Link(str(tmp_path / "l"), "x", absent=absent), system)
    assert failed.value.code == "wrong-kind"
    assert (tmp_path / "l").read_bytes() == b"mine"


@pytest.mark.parametrize("mode", [644, 755, 600, 0o10000, -1])
def test_mode_without_its_0o_is_refused(mode):
    with pytest.raises(Invalid, match="octal"):
        Directory("/srv/a", mode=mode).validate()


@pytest.mark.parametrize("mode", [0o1777, 0o2755, 0o755, 0, None])
def test_mode_that_somebody_may_mean_is_taken(mode):
    Directory("/srv/a", mode=mode).validate()
