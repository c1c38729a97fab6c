"""The machine in a dict and the real one agree on what a cookbook's author can observe."""

import os
from pathlib import Path
from typing import Iterator, Tuple, Union

import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.memory import MemorySystem
from toque.node.model import Facts
from toque.node.system import RealSystem, Result

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="RealSystem writes as root")
Any = Union[MemorySystem, RealSystem]


@pytest.fixture(params=["memory", pytest.param("real", marks=ROOT)])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tuple[Any, str]]:
    """A system and an empty directory in it."""
    if request.param == "real":
        yield RealSystem(Facts()), str(tmp_path)
    else:
        system = MemorySystem()
        system.put("/srv/x", kind="directory", mode=0o755)
        yield system, "/srv/x"


def test_written_file_has_its_bytes_and_mode(there: Tuple[Any, str]) -> None:
    system, top = there

    system.write(f"{top}/a", b"one", mode=0o640)
    system.write(f"{top}/a", b"two", mode=0o600)

    status = system.stat(f"{top}/a")
    assert system.read(f"{top}/a") == b"two"
    assert status is not None
    assert (status.kind, status.owner, status.mode, status.size) == ("file", "root", 0o600, 3)
    assert system.names(top) == ["a"]


def test_write_into_no_directory_is_not_ready(there: Tuple[Any, str]) -> None:
    system, top = there

    with pytest.raises(NotReady) as error:
        system.write(f"{top}/none/a", b"")

    assert error.value.code == "directory-missing"


def test_reading_what_is_not_there(there: Tuple[Any, str]) -> None:
    system, top = there

    with pytest.raises(FileNotFoundError):
        system.read(f"{top}/a")
    assert system.stat(f"{top}/a") is None
    assert system.names(f"{top}/none") == []


def test_link_is_itself_and_not_what_it_points_at(there: Tuple[Any, str]) -> None:
    system, top = there
    system.mkdir(f"{top}/real", owner="root", group="root", mode=0o700)

    system.link(f"{top}/way", "real")

    status = system.stat(f"{top}/way")
    assert status is not None
    assert (status.kind, status.target) == ("link", "real")


def test_tree_is_removed_with_all_below_it(there: Tuple[Any, str]) -> None:
    system, top = there
    system.mkdir(f"{top}/d", owner="root", group="root", mode=0o755)
    system.write(f"{top}/d/a", b"")
    system.write(f"{top}/keep", b"")

    system.remove_tree(f"{top}/d")
    system.remove(f"{top}/never-there")

    assert system.names(top) == ["keep"]


def test_rename_moves_and_replaces(there: Tuple[Any, str]) -> None:
    system, top = there
    system.write(f"{top}/a", b"new")
    system.write(f"{top}/b", b"old")

    system.rename(f"{top}/a", f"{top}/b")

    assert system.names(top) == ["b"]
    assert system.read(f"{top}/b") == b"new"


def test_observation_is_made_once_until_it_is_disturbed(there: Tuple[Any, str]) -> None:
    system, _ = there
    looks = []

    def look() -> int:
        looks.append(1)
        return len(looks)

    assert [system.observe("dpkg:list", look), system.observe("dpkg:list", look)] == [1, 1]
    system.forget(frozenset({"units"}))
    assert system.observe("dpkg:list", look) == 1
    system.forget(frozenset({"dpkg"}))
    assert system.observe("dpkg:list", look) == 2


def test_notes_are_taken_once(there: Tuple[Any, str]) -> None:
    system, _ = there
    system.note("a word")

    assert system.taken_notes() == ("a word",)
    assert system.taken_notes() == ()


def test_unknown_program_is_not_ready_and_a_failing_one_fails(there: Tuple[Any, str]) -> None:
    system, _ = there
    if isinstance(system, MemorySystem):
        system.programs["false"] = lambda argv, stdin, user: Result(argv, 1)

    with pytest.raises(NotReady) as missing:
        system.run(["no-such-program-here"])
    with pytest.raises(StepFailed) as failed:
        system.run(["false"])

    assert (missing.value.code, failed.value.code) == ("program-missing", "command-failed")
    assert system.run(["false"], check=False).code == 1


def test_blob_that_did_not_travel_is_named(there: Tuple[Any, str]) -> None:
    system, _ = there

    with pytest.raises(StepFailed) as error:
        system.blob("ab" * 32)

    assert error.value.code == "blob-missing"
