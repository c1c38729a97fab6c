"""The machine in a dict and the real one agree on what a cookbook's author can observe."""

import os
from pathlib import Path
from typing import Callable, Iterator, Tuple, Union

import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.memory import MemorySystem
from toque.node.model import Facts
from toque.node.realsystem import RealSystem
from toque.node.system import Result

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


def failure(attempt: Callable[[], object]) -> str:
    with pytest.raises(StepFailed) as error:
        attempt()
    return error.value.code


def test_directory_with_something_in_it_stays(there: Tuple[Any, str]) -> None:
    system, top = there
    system.mkdir(f"{top}/d", owner="root", group="root", mode=0o755)
    system.write(f"{top}/d/a", b"kept")

    code = failure(lambda: system.remove(f"{top}/d"))

    assert code == "directory-not-empty"
    assert system.read(f"{top}/d/a") == b"kept"


def test_nothing_takes_the_place_of_a_directory(there: Tuple[Any, str]) -> None:
    system, top = there
    system.mkdir(f"{top}/d", owner="root", group="root", mode=0o755)
    system.write(f"{top}/a", b"")

    codes = [
        failure(lambda: system.write(f"{top}/d", b"")),
        failure(lambda: system.link(f"{top}/d", "a")),
        failure(lambda: system.rename(f"{top}/a", f"{top}/d")),
        failure(lambda: system.mkdir(f"{top}/d", owner="root", group="root", mode=0o755)),
        failure(lambda: system.mkdir(f"{top}/a", owner="root", group="root", mode=0o755)),
    ]

    assert codes == ["wrong-kind"] * 5
    assert system.names(top) == ["a", "d"]


def test_directory_with_all_in_it_moves(there: Tuple[Any, str]) -> None:
    system, top = there
    system.mkdir(f"{top}/d", owner="root", group="root", mode=0o750)
    system.write(f"{top}/d/a", b"one")
    system.mkdir(f"{top}/full", owner="root", group="root", mode=0o755)
    system.write(f"{top}/full/b", b"")

    code = failure(lambda: system.rename(f"{top}/d", f"{top}/full"))
    system.rename(f"{top}/d", f"{top}/e")

    assert code == "directory-not-empty"
    assert system.read(f"{top}/e/a") == b"one"
    assert system.names(top) == ["e", "full"]


def test_file_is_no_directory_to_anybody(there: Tuple[Any, str]) -> None:
    system, top = there
    system.write(f"{top}/a", b"")

    assert system.stat(f"{top}/a/b") is None
    with pytest.raises(NotADirectoryError):
        system.read(f"{top}/a/b")
    assert failure(lambda: system.write(f"{top}/a/b", b"")) == "wrong-kind"
    assert failure(lambda: system.names(f"{top}/a")) == "wrong-kind"
    assert failure(lambda: system.read(top)) == "wrong-kind"
    system.remove(f"{top}/a/b")


def test_owner_and_mode_need_a_file_or_directory(there: Tuple[Any, str]) -> None:
    system, top = there
    system.link(f"{top}/way", "nowhere")

    codes = [
        failure(lambda: system.chmod(f"{top}/none", 0o600)),
        failure(lambda: system.chown(f"{top}/none", "root", None)),
        failure(lambda: system.chmod(f"{top}/way", 0o600)),
        failure(lambda: system.chown(f"{top}/way", "root", None)),
        failure(lambda: system.rename(f"{top}/none", f"{top}/b")),
    ]

    assert codes == ["file-missing", "file-missing", "wrong-kind", "wrong-kind", "file-missing"]


def test_change_of_owner_clears_set_id_bits(there: Tuple[Any, str]) -> None:
    system, top = there
    system.write(f"{top}/a", b"", mode=0o4755)

    system.chown(f"{top}/a", "root", None)

    status = system.stat(f"{top}/a")
    assert status is not None
    assert status.mode == 0o755


def test_links_on_the_way_are_followed_one_after_another(there: Tuple[Any, str]) -> None:
    system, top = there
    system.mkdir(f"{top}/real", owner="root", group="root", mode=0o755)
    system.link(f"{top}/one", "real")
    system.link(f"{top}/two", f"{top}/one")

    system.write(f"{top}/two/a", b"here")

    assert system.read(f"{top}/real/a") == b"here"
    assert system.names(f"{top}/two") == ["a"]


def test_refused_text_leaves_the_old_one_and_nothing_else(there: Tuple[Any, str]) -> None:
    system, top = there
    if isinstance(system, MemorySystem):
        system.programs["grep"] = lambda argv, stdin, user: Result(
            argv, 0 if argv[1].encode() in system.read(argv[2]) else 1
        )
    system.write(f"{top}/a", b"good one", check=("grep", "good", "{}"))

    code = failure(lambda: system.write(f"{top}/a", b"bad", check=("grep", "good", "{}")))

    assert code == "check-failed"
    assert system.read(f"{top}/a") == b"good one"
    assert system.names(top) == ["a"]
