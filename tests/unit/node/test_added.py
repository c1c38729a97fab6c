"""What is on record of what Toque added to a machine."""

import hashlib

import pytest

from toque.node.added import (
    ADDED,
    Added,
    Additions,
    above,
    read_added,
    settled,
    within,
    write_added,
)
from toque.node.engine import walk
from toque.node.journal import MemoryJournal
from toque.node.memory import MemorySystem
from toque.node.model import Plan, Status, Step
from toque.node.resources import TYPES
from toque.node.system import Result


def made(system: MemorySystem, *steps: Step) -> Added:
    additions = Additions(system)
    outcomes = walk(
        Plan("setup", steps),
        system,
        TYPES,
        journal=MemoryJournal(),
        secrets={},
        additions=additions,
    )
    assert Status.FAILED not in {outcome.status for outcome in outcomes}, outcomes
    found = read_added(system)
    assert found is not None
    return found


def file(path: str, content: bytes = b"ours\n") -> Step:
    return Step(f"file:{path}", "file", {"path": path, "content": content.decode()})


@pytest.fixture
def system() -> MemorySystem:
    system = MemorySystem()
    for folder in ("/etc", "/var", "/var/lib", "/var/lib/dpkg"):
        if system.stat(folder) is None:
            system.mkdir(folder, owner="root", group="root", mode=0o755)
    return system


def test_a_new_file_is_ours_and_of_one_that_was_there_the_first_content_is_kept(system):
    system.write("/etc/old", b"theirs\n")

    made(system, file("/etc/new"), file("/etc/old"))
    added = made(system, file("/etc/old", b"ours again\n"), file("/etc/new", b"more\n"))

    assert added.paths == {"/etc/new"}
    assert set(added.originals) == {"/etc/old"}
    kept = added.originals["/etc/old"].kept
    assert system.read(kept) == b"theirs\n"
    assert system.stat(kept).mode == system.stat(ADDED).mode == 0o600


def test_folders_that_were_made_are_ours_and_one_of_an_app_with_all_below(system):
    folder = Step("directory:/srv/www/a", "directory", {"path": "/srv/www/a", "parents": True})
    more = Step("directory:/opt/b/c", "directory", {"path": "/opt/b/c", "parents": True})
    new = {path for path in ("/srv", "/srv/www", "/opt") if system.stat(path) is None}

    added = made(system, folder, file("/srv/www/a/x"), more, file("/opt/b/c/y"))

    assert added.paths == {*new, "/srv/www/a", "/opt/b", "/opt/b/c", "/opt/b/c/y"}
    assert added.trees == {"/srv/www/a"}


def test_a_folder_of_somebody_else_where_an_app_belongs_is_not_ours(system):
    for path in ("/srv", "/srv/www", "/srv/www/a"):
        if system.stat(path) is None:
            system.mkdir(path, owner="root", group="root", mode=0o755)

    added = made(system, file("/srv/www/a/x"))

    assert (added.paths, added.trees) == ({"/srv/www/a/x"}, set())


def test_what_was_left_in_a_file_is_known_so_that_later_changes_of_others_show(system):
    system.write("/etc/old", b"theirs\n")

    added = made(system, file("/etc/old"))

    assert added.originals["/etc/old"].left == hashlib.sha256(b"ours\n").hexdigest()


def test_what_somebody_removed_meanwhile_is_ours_no_longer(system):
    made(system, file("/etc/new"))
    system.remove("/etc/new")

    added = made(system, file("/etc/other"))

    assert added.paths == {"/etc/other"}


def test_a_thing_is_on_record_before_it_is_made(system):
    additions = Additions(system)
    resource = TYPES["file"](path="/etc/new", content="x")
    additions.before(resource, frozenset({"exists"}))

    assert read_added(system).paths == {"/etc/new"}


def test_what_a_killed_step_brought_is_found_by_the_next_run(system):
    before = {"packages": ["base"], "users": ["root"], "groups": ["root"], "folders": []}
    write(system, Added(before=before))
    system.write("/etc/passwd", b"root:x:0:0::/root:/bin/sh\npostgres:x:9:9::/:/bin/sh\n")
    system.write("/etc/group", b"root:x:0:\npostgres:x:9:\n")
    dpkg(system, "base", "postgresql-15", "libllvm14")

    Additions(system)

    added = read_added(system)
    assert added.packages == {"libllvm14", "postgresql-15"}
    assert added.users == added.groups == {"postgres"}
    assert added.before is None


def test_what_has_gone_again_is_not_ours_any_more():
    before = {"packages": ["a", "b"], "users": [], "groups": [], "folders": []}
    added = Added(packages=frozenset({"b"}), before=before)

    now = settled(added, {"packages": ["a", "c"], "users": [], "groups": [], "folders": []}, 9.0)

    assert now.packages == {"c"}


def test_a_user_that_is_made_is_on_record_with_its_group(system):
    system.write("/etc/passwd", b"root:x:0:0::/root:/bin/sh\n")
    system.write("/etc/group", b"root:x:0:\n")

    def useradd(argv, **rest):
        system.write("/etc/passwd", system.read("/etc/passwd") + b"app:x:900:900::/:/bin/sh\n")
        system.write("/etc/group", system.read("/etc/group") + b"app:x:900:\n")
        return Result(argv, 0)

    additions = Additions(system)
    user = TYPES["user"](name="app")
    additions.before(user, frozenset({"exists"}))
    useradd(["useradd"])
    additions.after(user)

    assert read_added(system).users == read_added(system).groups == {"app"}


def test_nothing_is_written_while_nothing_is_added(system):
    made(system, file("/etc/new"))
    stamp = system.stat(ADDED).changed_ns

    made(system, file("/etc/new"))

    assert system.stat(ADDED).changed_ns == stamp


@pytest.mark.parametrize(
    ("path", "found"),
    [("/a", True), ("/a/b/c", True), ("/ab", False), ("/", False)],
)
def test_a_path_is_within_a_folder_only_by_whole_names(path, found):
    assert within(path, {"/a"}) is found


def test_the_folders_above_are_told_nearest_first():
    assert above("/a/b/c") == ["/a/b", "/a"]


def write(system: MemorySystem, added: Added) -> None:
    system.mkdir("/var/lib/toque", owner="root", group="root", mode=0o755)
    write_added(system, added)


def dpkg(system: MemorySystem, *names: str) -> None:
    text = "\n\n".join(
        f"Package: {n}\nStatus: install ok installed\nVersion: 1\nArchitecture: all" for n in names
    )
    system.write("/var/lib/dpkg/status", f"{text}\n".encode())
