"""What can be given back, and what stays because others build on it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from toque.node import giveback
from toque.node.added import Added, Original, write_added
from toque.node.memory import MemorySystem
from toque.node.model import Facts
from toque.node.resources.original import Original as OriginalType
from toque.node.system import Result

INSTALLED = ("base", "git", "liberror-perl", "nginx", "nginx-common", "postgresql-15")
LEFT = "0" * 64


class Machine(MemorySystem):
    """apt-get and psql played: ``needed`` are packages that something else needs."""

    def __init__(self, added: Added | None, needed: Sequence[str] = ()) -> None:
        super().__init__(
            facts=Facts(os="debian", release="12", codename="bookworm", init="systemd"),
            programs={
                "apt-get": self.apt, "psql": self.psql, "dpkg": self.dpkg, "du": self.du,
                "systemctl": lambda argv, stdin, user: Result(argv, 0, b""),
            },
        )  # fmt: skip
        self.needed = set(needed)
        self.names_of_databases = ["postgres", "template0", "template1", "shop"]
        self.states = b""
        for folder in ("/var/lib/toque/originals", "/run", "/etc"):
            self.put(folder, kind="directory")
        self.put("/etc/passwd", b"root:x:0:0::/root:/bin/sh\nshop:x:9:9::/:/bin/sh\n")
        self.put("/etc/group", b"root:x:0:\nshop:x:9:\n")
        text = "\n\n".join(
            f"Package: {n}\nStatus: install ok installed\nVersion: 1\nArchitecture: all"
            for n in INSTALLED
        )
        self.put("/var/lib/dpkg/status", f"{text}\n".encode())
        if added is not None:
            write_added(self, added)

    def dpkg(self, argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
        return Result(tuple(argv), 0, b"amd64\n")

    def du(self, argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
        return Result(tuple(argv), 0, b"17\t/x\n")

    def apt(self, argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
        self.states = self.read(giveback.AS_IF)
        spare = [name for name in INSTALLED if name not in self.needed and name != "base"]
        brought = [name for name in spare if f"Package: {name}\n".encode() in self.states]
        return Result(tuple(argv), 0, "".join(f"Remv {n} [1]\n" for n in brought).encode())

    def psql(self, argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
        import json

        row = {"names": self.names_of_databases} if b"json_agg" in stdin else {"bytes": 2048}
        return Result(tuple(argv), 0, json.dumps(row).encode() + b"\n")


OURS = Added(
    packages=frozenset({"git", "liberror-perl", "nginx", "nginx-common", "postgresql-15"}),
    databases=frozenset({"shop"}),
    roles=frozenset({"shop"}),
    users=frozenset({"shop", "gone"}),
    groups=frozenset({"shop"}),
)


@pytest.fixture(autouse=True)
def no_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giveback, "foreign_sites", list)


def test_a_machine_without_a_record_says_so() -> None:
    assert giveback.look(Machine(None)) == {"recorded": False}


def test_all_that_is_ours_goes_and_a_server_takes_its_databases_with_it() -> None:
    found = giveback.look(Machine(OURS))

    assert found["packages"] == sorted(OURS.packages)
    assert (found["databases"], found["roles"]) == ([], [])
    assert (found["users"], found["groups"]) == (["shop"], ["shop"])
    assert found["data"] == [{"database": "shop", "port": "", "bytes": 2048}]
    assert found["stays"] == []


def test_a_package_that_something_else_needs_stays() -> None:
    found = giveback.look(Machine(OURS, needed=["git"]))

    assert "git" not in found["packages"]
    assert found["stays"] == [["git", "other packages need it"]]


def test_a_server_with_databases_of_others_stays_and_only_ours_are_dropped() -> None:
    system = Machine(OURS)
    system.names_of_databases.append("theirs")

    found = giveback.look(system)

    assert "postgresql-15" not in found["packages"]
    assert b"Package: postgresql-15\n" not in system.states  # so apt keeps what it needs
    assert (found["databases"], found["roles"]) == (["shop"], ["shop"])
    assert found["stays"] == [["postgresql-15", "it has databases of others: theirs"]]


def test_a_server_that_cannot_be_asked_stays() -> None:
    system = Machine(OURS)
    system.programs["psql"] = lambda argv, stdin, user: Result(tuple(argv), 2, b"", b"down")

    found = giveback.look(system)

    assert "postgresql-15" not in found["packages"]
    assert "nobody can tell" in found["stays"][0][1]


def test_nginx_stays_when_others_have_sites_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giveback, "foreign_sites", lambda: ["mine"])

    found = giveback.look(Machine(OURS))

    assert not [name for name in found["packages"] if name.startswith("nginx")]
    assert found["stays"] == [["nginx, nginx-common", "it has sites of others: mine"]]


def test_paths_go_deepest_first_and_a_folder_that_others_use_stays() -> None:
    paths = {"/srv", "/srv/www", "/srv/www/shop", "/opt", "/opt/a", "/opt/a/f",
             "/etc/systemd/system/shop-1.service"}  # fmt: skip
    system = Machine(Added(paths=frozenset(paths), trees=frozenset({"/srv/www/shop"})))
    for path in ("/srv/www/shop/releases/1/app.py", "/opt/a/f", "/opt/theirs",
                 "/etc/systemd/system/shop-1.service"):  # fmt: skip
        system.put(path)

    found = giveback.look(system)

    assert found["units"] == ["shop-1.service"]
    assert found["files"] == ["/opt/a/f"]
    assert found["trees"] == ["/srv/www/shop"]
    assert found["folders"] == ["/opt/a", "/srv/www", "/srv"]
    assert found["stays"] == [["/opt", "there is something else in it: theirs"]]


def original(left: str = LEFT) -> Added:
    kept = "/var/lib/toque/originals/000001"
    return Added(originals={"/etc/conf": Original("file", "root", "root", 0o640, kept, "", left)})


def test_a_file_gets_its_content_back_unless_somebody_has_changed_it_since() -> None:
    import hashlib

    ours = b"ours\n"
    system = Machine(original(hashlib.sha256(ours).hexdigest()))
    system.put("/var/lib/toque/originals/000001", b"theirs\n")
    system.put("/etc/conf", ours)
    assert giveback.look(system)["originals"] == ["/etc/conf"]

    wanted = OriginalType("/etc/conf")
    assert wanted.found(system) != wanted.wanted()
    wanted.fix(system, frozenset({"as"}))
    assert wanted.found(system) == wanted.wanted()
    there = system.stat("/etc/conf")
    assert there is not None
    assert (system.read("/etc/conf"), there.mode) == (b"theirs\n", 0o640)
    assert giveback.look(system)["originals"] == []

    system.write("/etc/conf", b"somebody's\n")
    found = giveback.look(system)
    assert found["originals"] == []
    assert "somebody has changed it since" in found["stays"][0][1]


def test_a_link_that_was_there_comes_back() -> None:
    link = Original("link", "root", "root", 0o777, target="../default")
    system = Machine(Added(originals={"/etc/link": link}))
    assert giveback.look(system)["originals"] == ["/etc/link"]

    OriginalType("/etc/link").fix(system, frozenset({"as"}))

    assert giveback.look(system)["originals"] == []


def test_apts_record_is_read_as_if_all_of_ours_had_come_along() -> None:
    states = (
        "Package: git\nArchitecture: amd64\nAuto-Installed: 0\n\nPackage: a\nAuto-Installed: 1\n"
    )

    assert giveback.as_if_brought(states, {"git"}, "amd64") == (
        "Package: a\nAuto-Installed: 1\n\nPackage: git\nArchitecture: amd64\nAuto-Installed: 1\n"
    )
