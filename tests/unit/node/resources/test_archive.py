"""A directory that is what an archive holds: complete or not there, and only where it is ours."""

import hashlib
import io
import tarfile

import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid, differing
from toque.node.resources.archive import MARKER, Archive
from toque.node.system import Result
from toque.node.values import Blob


def packed(files):
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755 if "bin" in name else 0o644
            archive.addfile(info, io.BytesIO(data))
    return memory.getvalue()


ONE = packed({"proj-1/bin/run": b"one", "proj-1/doc/a": b"a", "proj-1/old": b"x"})
TWO = packed({"proj-2/bin/run": b"two", "proj-2/doc/a": b"a"})


def sha(data):
    return hashlib.sha256(data).hexdigest()


def archive(data=ONE, **more):
    return Archive("/opt/proj", **{"source": "/srv/a.tgz", "sha256": sha(data), "strip": 1, **more})


def machine(data=ONE):
    def sync(argv, stdin, user):
        return Result(argv, 0)

    files = {"/srv/a.tgz": data, "/opt/other": b""}
    return MemorySystem(files=files, programs={"sync": sync})


def apply(resource, system):
    resource.validate()
    keys = differing(resource.wanted(), resource.found(system))
    if keys:
        resource.fix(system, keys)
        system.forget(resource.disturbs)
    assert differing(resource.wanted(), resource.found(system)) == frozenset()
    return keys


def below(system):
    top = "/opt/proj/"
    return {path[len(top) :] for path in system.tree if path.startswith(top)}


def test_unpacked_once_with_owner_and_modes():
    system = machine()
    assert "exists" in apply(archive(owner="app", group="web", mode=0o750), system)
    assert below(system) == {"bin", "bin/run", "doc", "doc/a", "old", MARKER}
    run, top = system.stat("/opt/proj/bin/run"), system.stat("/opt/proj")
    assert (run.owner, run.group, run.mode) == ("app", "web", 0o755)
    assert (top.owner, top.mode) == ("app", 0o750)
    system.remove("/srv/a.tgz")
    assert apply(archive(owner="app", group="web", mode=0o750), system) == frozenset()


def test_another_version_replaces_the_whole_directory():
    system = machine()
    apply(archive(), system)
    system.put("/opt/proj/written/by-a-program", b"x")
    system.put("/srv/b.tgz", TWO)
    assert apply(archive(TWO, source="/srv/b.tgz"), system) == {"sha256"}
    assert below(system) == {"bin", "bin/run", "doc", "doc/a", MARKER}
    assert system.read("/opt/proj/bin/run") == b"two"
    assert system.names("/opt") == ["other", "proj"]


@pytest.mark.parametrize("drift", ["content", "mode", "gone", "link"])
def test_drift_is_seen_and_put_right(drift):
    system = machine()
    apply(archive(), system)
    path = "/opt/proj/doc/a"
    if drift == "content":
        system.write(path, b"b")
    elif drift == "mode":
        system.chmod(path, 0o600)
    else:
        system.remove(path)
    if drift == "link":
        system.link(path, "/etc/passwd")
    assert archive().found(system)["drifted"] == ("doc/a",)
    assert apply(archive(), system) == {"drifted"}
    assert system.read(path) == b"a"


def test_what_programs_add_is_not_drift():
    system = machine()
    apply(archive(), system)
    system.put("/opt/proj/doc/__pycache__/x.pyc", b"x")
    assert apply(archive(), system) == frozenset()


def test_only_a_few_names_are_shown():
    data = packed({f"p/{n}": b"" for n in range(20)})
    system = machine(data)
    apply(archive(data), system)
    for name in range(20):
        system.remove(f"/opt/proj/{name}")
    drifted = archive(data).found(system)["drifted"]
    assert (len(drifted), drifted[-1]) == (6, "and 15 more")


def test_mode_alone_needs_no_archive():
    system = machine()
    apply(archive(), system)
    system.remove("/srv/a.tgz")
    assert apply(archive(mode=0o700), system) == {"mode"}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (TWO, "digest-differs"),
        (None, "file-missing"),
    ],
)
def test_what_goes_wrong_leaves_the_old_directory(data, code):
    system = machine()
    apply(archive(), system)
    system.remove("/srv/a.tgz")
    if data is not None:
        system.put("/srv/a.tgz", data)
    with pytest.raises(StepFailed) as failed:
        apply(archive(b"another"), system)
    assert failed.value.code == code
    assert system.read("/opt/proj/bin/run") == b"one"
    assert system.names("/opt") == ["other", "proj"]


def test_hostile_archive_leaves_the_old_directory_and_nothing_beside_it():
    bad = packed({"p/a": b"1", "p/../../victim": b"2"})
    system = machine()
    apply(archive(), system)
    system.put("/srv/a.tgz", bad)
    with pytest.raises(StepFailed) as failed:
        apply(archive(bad), system)
    assert failed.value.code == "archive-unsafe"
    assert system.read("/opt/proj/bin/run") == b"one"
    assert system.names("/opt") == ["other", "proj"]


def test_archive_with_a_marker_of_its_own_is_refused():
    bad = packed({"p/" + MARKER: b"{}"})
    with pytest.raises(StepFailed) as failed:
        apply(archive(bad), machine(bad))
    assert failed.value.code == "archive-unsafe"


def test_archive_that_others_can_change_is_refused():
    system = machine()
    system.chown("/srv/a.tgz", "app", None)
    with pytest.raises(StepFailed) as failed:
        apply(archive(), system)
    assert failed.value.code == "unsafe-path"


def test_a_missing_archive_may_come_from_an_earlier_step():
    with pytest.raises(NotReady):
        apply(archive(), MemorySystem(files={"/opt/other": b""}))


def test_directory_of_somebody_else_is_never_replaced_or_removed():
    system = machine()
    system.put("/opt/proj/theirs", b"x")
    for declared in (archive(), Archive("/opt/proj", absent=True)):
        with pytest.raises(StepFailed) as failed:
            apply(declared, system)
        assert failed.value.code == "directory-not-ours"
    system.put("/opt/proj/" + MARKER, b'{"sha256": "x", "strip": 1, "entries": {}}', owner="app")
    with pytest.raises(StepFailed):
        archive().found(system)
    system.tree["/opt/proj/" + MARKER].owner = "root"
    assert archive().found(system)["sha256"] == "x"


def test_empty_directory_is_taken():
    system = machine()
    system.put("/opt/proj", kind="directory")
    assert "exists" in apply(archive(), system)


def test_absent_removes_what_an_archive_made():
    system = machine()
    apply(archive(), system)
    assert apply(Archive("/opt/proj", absent=True), system) == {"exists"}
    assert system.names("/opt") == ["other"]
    assert apply(Archive("/opt/proj", absent=True), system) == frozenset()


def test_what_a_killed_run_left_is_swept():
    system = machine()
    apply(archive(), system)
    system.put("/opt/.toque-archive-proj/half", b"x")
    assert apply(archive(), system) == {"tidy"}
    system.put("/opt/.toque-archive-proj/half", b"x")
    assert apply(Archive("/opt/proj", absent=True), system) == {"exists"}
    assert system.names("/opt") == ["other"]
    system.put("/opt/.toque-archive-proj/half", b"x")
    assert apply(Archive("/opt/proj", absent=True), system) == {"exists"}
    assert system.names("/opt") == ["other"]


def test_blob_is_named_by_its_own_digest():
    system = MemorySystem(files={"/opt/other": b""}, blobs={"a": ONE}, programs=machine().programs)
    declared = Archive("/opt/proj", Blob(sha(ONE), len(ONE)), strip=1)
    apply(declared, system)
    assert system.read("/opt/proj/bin/run") == b"one"


@pytest.mark.parametrize(
    "declared",
    [
        archive(sha256=""),
        archive(source=""),
        archive(source="a.tgz"),
        archive(source="/opt/proj/a.tgz"),
        archive(source=Blob(sha(ONE))),
        archive(strip=-1),
        archive(most_bytes=0),
        archive(most_entries=0),
        archive(absent=True),
        Archive("/usr/local", "/srv/a.tgz", sha(ONE)),
        Archive("opt", "/srv/a.tgz", sha(ONE)),
    ],
)
def test_declarations_that_can_never_be_right_are_refused(declared):
    with pytest.raises(Invalid):
        declared.validate()
