import grp
import hashlib
import os
import pwd

import pytest

from toque.node import backups
from toque.node.errors import NotReady, StepFailed
from toque.node.memory import MemorySystem
from toque.node.model import Facts
from toque.node.realsystem import RealSystem
from toque.node.resource import Invalid, differing
from toque.node.resources.file import File
from toque.node.system import Result
from toque.node.values import Blob, Secret

ME, MINE = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name


def ok(argv, stdin, user):
    return Result(argv, 0)


def refuse(argv, stdin, user):
    return Result(argv, 1, b"", b"nginx: [emerg] unknown directive\n")


def apply(resource, system):
    """What the engine does with one resource; the keys that were fixed."""
    resource.validate()
    keys = differing(resource.wanted(), resource.found(system))
    if keys:
        resource.fix(system, keys)
        system.forget(resource.disturbs)
        assert differing(resource.wanted(), resource.found(system)) == frozenset()
    return keys


@pytest.mark.parametrize(
    "content",
    ["text\n", "", "ünï\n", b"\xff\x00bytes", "x" * 300_000, Secret("key", "hidden\n")],
    ids=["text", "empty", "utf-8", "binary", "long", "secret"],
)
def test_made_once_and_then_left_alone(content):
    system = MemorySystem(files={"/etc/other": b""})
    file = File("/etc/a", content=content, owner="app", mode=0o600)
    assert "exists" in apply(file, system)
    assert apply(file, system) == frozenset()
    there = system.stat("/etc/a")
    assert (there.owner, there.group, there.mode) == ("app", "root", 0o600)


@pytest.mark.parametrize("content", ["new\n", b"\xff\x00new"])
@pytest.mark.parametrize("old", [b"old\n", b"\xfe\x00", b"sha256"])
def test_other_content_is_replaced_and_owner_and_mode_not_managed_stay(content, old):
    system = MemorySystem()
    system.put("/etc/a", old, owner="app", group="web", mode=0o640)
    file = File("/etc/a", content=content, owner=None, group=None, mode=None)
    assert apply(file, system) <= {"content", "sha256"}
    there = system.stat("/etc/a")
    assert (there.owner, there.group, there.mode) == ("app", "web", 0o640)


def test_blob_content_is_compared_by_digest_and_copied():
    data = b"\x7fELF" * 1000
    digest = hashlib.sha256(data).hexdigest()
    system = MemorySystem(files={"/usr/x": b""}, blobs={"uv": data})
    file = File("/usr/uv", content=Blob(digest, len(data)), mode=0o755)
    assert "sha256" in apply(file, system)
    assert system.read("/usr/uv") == data
    assert apply(file, system) == frozenset()


def test_only_owner_and_mode_of_a_file_without_content():
    system = MemorySystem(files={"/etc/a": b"theirs"})
    assert apply(File("/etc/a", owner="app", mode=0o600), system) == {"owner", "mode"}
    assert system.read("/etc/a") == b"theirs"


def test_file_without_content_that_is_not_there_is_not_ready():
    with pytest.raises(NotReady) as failed:
        File("/etc/a").found(MemorySystem())
    assert failed.value.code == "file-missing"


def test_absent_removes_files_and_links_but_no_directory():
    system = MemorySystem(files={"/etc/a": b"", "/etc/d/x": b""})
    system.link("/etc/l", "a")
    assert apply(File("/etc/a", absent=True), system) == {"exists"}
    assert apply(File("/etc/l", absent=True), system) == {"exists"}
    assert apply(File("/etc/a", absent=True), system) == frozenset()
    with pytest.raises(StepFailed) as failed:
        apply(File("/etc/d", absent=True), system)
    assert failed.value.code == "wrong-kind"


@pytest.mark.parametrize(
    ("kind", "hint"), [("directory", "Directory"), ("link", "Link"), ("other", "ls -ld")]
)
def test_something_else_in_its_place_is_named_and_left(kind, hint):
    system = MemorySystem()
    system.put("/etc/a", kind=kind)
    with pytest.raises(StepFailed) as failed:
        File("/etc/a", content="x").found(system)
    assert failed.value.code == "wrong-kind"
    assert kind in failed.value.found
    assert hint in failed.value.hint


def test_diff_shows_text_and_never_a_secret():
    system = MemorySystem(files={"/etc/a": b"old-canary\nsame\n"})
    for secret, shown in ((False, True), (True, False)):
        file = File("/etc/a", content="new-canary\nsame\n", mode=0o640, sensitive_content=secret)
        found = file.found(system)
        lines = "\n".join(file.show(found, differing(file.wanted(), found)))
        assert ("-old-canary" in lines and "+new-canary" in lines) is shown
        assert "0644 -> 0640" in lines
    assert File("/a", content=Secret("k", "t"), mode=0o600).sensitive()


@pytest.mark.parametrize(
    "file",
    [
        File("etc/a"),
        File("/etc/../a"),
        File("/etc/a/"),
        File("//etc/a"),
        File("/"),
        File("/etc/a\n"),
        File("/a", mode=0o17777),
        File("/a", owner="0"),
        File("/a", group="a b"),
        File("/a", content="x", absent=True),
        File("/a", check=("true", "{}")),
        File("/a", content=Secret("k", "x")),  # mode 0644
        File("/a", content="x", sensitive_content=True, mode=0o604),
        File("/a", create_only=True),
        File("/a", absent=True, create_only=True),
        File("/a", content="x", backups=-1),
    ],
    ids=lambda f: f"{f.path!r} {f.owner} {f.group} {f.mode:o}",
)
def test_declarations_that_can_never_be_right_are_refused(file):
    with pytest.raises(Invalid):
        file.validate()


class TestCreateOnly:
    def test_content_is_written_once_and_shown(self):
        system = MemorySystem(files={"/etc/other": b""})
        file = File("/etc/a", "first\n", owner="app", mode=0o640, create_only=True)
        found = file.found(system)
        assert "+first" in file.show(found, differing(file.wanted(), found))
        assert "exists" in apply(file, system)
        system.tree["/etc/a"].data = b"theirs\n"
        assert apply(file, system) == frozenset()
        assert system.read("/etc/a") == b"theirs\n"

    @pytest.mark.parametrize("content", ["first", b"\xff", Blob("0" * 64, 5)])
    def test_owner_and_mode_are_put_right_all_the_same(self, content):
        system = MemorySystem(files={"/etc/a": b"theirs"})
        file = File("/etc/a", content, owner="app", mode=0o600, create_only=True)
        assert apply(file, system) == {"owner", "mode"}
        assert system.read("/etc/a") == b"theirs"


class TestBackups:
    def versions(self, system, path="/etc/a"):
        folder = "/var/lib/toque/backups/" + path[1:].replace("/", "%2F")
        return {n: system.read(f"{folder}/{n}") for n in system.names(folder)}

    def test_newest_few_are_kept_for_root_alone(self):
        system = MemorySystem(files={"/etc/a": b"by hand"})
        for number in range(8):
            apply(File("/etc/a", str(number), backups=3), system)
        assert self.versions(system) == {"000006": b"4", "000007": b"5", "000008": b"6"}
        folder = system.stat("/var/lib/toque/backups/etc%2Fa")
        assert (folder.owner, folder.mode) == ("root", 0o700)
        kept = system.stat("/var/lib/toque/backups/etc%2Fa/000008")
        assert (kept.owner, kept.group, kept.mode) == ("root", "root", 0o600)

    def test_what_was_by_hand_survives_the_first_converge_and_a_removal(self):
        system = MemorySystem(files={"/etc/a": b"by hand", "/etc/b": b"too"})
        apply(File("/etc/a", "ours"), system)
        apply(File("/etc/b", absent=True), system)
        assert self.versions(system) == {"000001": b"by hand"}
        assert self.versions(system, "/etc/b") == {"000001": b"too"}

    def test_same_text_is_not_kept_twice(self):
        system = MemorySystem(files={"/etc/a": b"old"}, programs={"nginx": refuse})
        for _ in range(3):
            with pytest.raises(StepFailed):
                apply(File("/etc/a", "bad", check=("nginx", "-t")), system)
        assert self.versions(system) == {"000001": b"old"}

    @pytest.mark.parametrize(
        "file",
        [
            File("/etc/a", Secret("key", "new"), mode=0o600),
            File("/etc/a", "new", mode=0o600, sensitive_content=True),
            File("/etc/a", "new", backups=0),
            File("/etc/a", "new", create_only=True),
            File("/etc/a", "old"),
        ],
        ids=["secret", "sensitive", "none asked for", "create only", "unchanged"],
    )
    def test_nothing_is_kept(self, file):
        system = MemorySystem(files={"/etc/a": b"old"})
        apply(file, system)
        assert self.versions(system) == {}

    def test_what_is_too_large_is_not_kept(self):
        system = MemorySystem(files={"/etc/a": b"x" * (backups.LARGEST + 1)})
        apply(File("/etc/a", "new"), system)
        assert self.versions(system) == {}

    def test_two_paths_never_share_a_folder(self):
        paths = ["/a/b", "/a%2Fb", "/a%252Fb", "/" + "x" * 300, "/" + "x" * 301]
        assert len({backups.folder_of(path) for path in paths}) == len(paths)
        assert all(len(backups.folder_of(p).rsplit("/", 1)[1]) <= 255 for p in paths)


class TestCheckOfTheWholeConfiguration:
    """``check`` without ``{}``: nginx -t looks at what is in place."""

    def site(self):
        return File("/etc/nginx/a", content="new\n", mode=0o640, check=("nginx", "-t"))

    def test_accepted_text_stays_and_nothing_else(self):
        system = MemorySystem(files={"/etc/nginx/a": b"old\n"}, programs={"nginx": ok})
        assert "content" in apply(self.site(), system)
        assert system.names("/etc/nginx") == ["a"]
        assert apply(self.site(), system) == frozenset()
        assert system.calls == [("nginx", "-t")]

    def test_refused_text_gives_way_to_the_old_one_with_its_owner_and_mode(self):
        system = MemorySystem(programs={"nginx": refuse})
        system.put("/etc/nginx/a", b"old\n", owner="app", mode=0o600)
        with pytest.raises(StepFailed) as failed:
            apply(self.site(), system)
        assert failed.value.code == "check-failed"
        assert failed.value.log == ("nginx: [emerg] unknown directive",)
        assert system.read("/etc/nginx/a") == b"old\n"
        assert (system.stat("/etc/nginx/a").owner, system.stat("/etc/nginx/a").mode) == (
            "app",
            0o600,
        )
        assert system.names("/etc/nginx") == ["a"]

    def test_refused_new_file_is_gone_again(self):
        system = MemorySystem(files={"/etc/nginx/b": b""}, programs={"nginx": refuse})
        with pytest.raises(StepFailed):
            apply(self.site(), system)
        assert system.names("/etc/nginx") == ["b"]

    def test_text_that_nothing_could_check_gives_way_too(self):
        system = MemorySystem(files={"/etc/nginx/a": b"old\n"})
        with pytest.raises(NotReady) as failed:
            apply(self.site(), system)
        assert failed.value.code == "program-missing"
        assert system.read("/etc/nginx/a") == b"old\n"
        assert system.names("/etc/nginx") == ["a"]

    @pytest.mark.parametrize("old", [b"old\n", None])
    def test_run_killed_before_the_check_is_checked_by_the_next(self, old):
        class Killed(Exception):
            pass

        def die(argv, stdin, user):
            raise Killed

        system = MemorySystem(files={"/etc/nginx/b": b""}, programs={"nginx": die})
        if old is not None:
            system.put("/etc/nginx/a", old)
        with pytest.raises(Killed):
            apply(self.site(), system)
        assert system.read("/etc/nginx/a") == b"new\n"  # in place, and never accepted
        system.programs["nginx"] = refuse
        with pytest.raises(StepFailed):
            apply(self.site(), system)
        there = system.stat("/etc/nginx/a")
        assert (None if there is None else system.read("/etc/nginx/a")) == old
        system.programs["nginx"] = ok
        apply(self.site(), system)
        assert system.names("/etc/nginx") == ["a", "b"]


class TestOnThisMachine:
    def test_staged_copy_is_what_the_check_sees(self, tmp_path):
        system = RealSystem(Facts())
        path = str(tmp_path / "a")
        check = ("grep", "-q", "good", "{}")
        good = File(path, "good\n", ME, MINE, check=check, backups=0)
        bad = File(path, "bad\n", ME, MINE, check=check, backups=0)
        assert "exists" in apply(good, system)
        with pytest.raises(StepFailed) as failed:
            apply(bad, system)
        assert failed.value.code == "check-failed"
        assert (tmp_path / "a").read_text() == "good\n"
        assert os.listdir(tmp_path) == ["a"]

    def test_set_id_bits_survive_a_change_of_owner(self, tmp_path):
        if os.geteuid() != 0:
            pytest.skip("another owner needs root")
        (tmp_path / "a").write_bytes(b"")
        system = RealSystem(Facts())
        file = File(str(tmp_path / "a"), owner="daemon", mode=0o4750)
        assert apply(file, system) == {"owner", "mode"}
        assert apply(File(str(tmp_path / "a"), owner="root", mode=0o4750), system) == {"owner"}

    def test_a_thousand_files_are_looked_at_without_a_process(self, tmp_path, monkeypatch):
        system = RealSystem(Facts())
        files = [File(str(tmp_path / str(n)), f"{n}\n", ME, MINE) for n in range(1000)]
        for n in range(1000):
            (tmp_path / str(n)).write_text(f"{n}\n")
        monkeypatch.setattr(system, "run", None)
        opened = []
        real = os.open
        monkeypatch.setattr(os, "open", lambda *a, **k: (opened.append(a), real(*a, **k))[1])
        states = [file.found(system) for file in files]
        assert [s["content"] for s in states] == [f"{n}\n" for n in range(1000)]
        depth = len(tmp_path.parts)
        assert len(opened) <= 1000 * (2 * depth + 1)  # two walks and one read each
