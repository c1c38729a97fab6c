"""One line in a file of somebody else; everything else stays byte for byte."""

import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid, differing
from toque.node.resources.line import Line
from toque.node.system import Result
from toque.node.values import Secret

SSHD = b"# PermitRootLogin no\nPort 22\nPermitRootLogin yes\nUsePAM yes\n"


def apply(resource, data, programs=None):
    """The file after one apply; a second one has to find nothing."""
    system = MemorySystem(programs=programs)
    system.put("/etc/f", data, owner="app", group="web", mode=0o640)
    resource.validate()
    keys = differing(resource.wanted(), resource.found(system))
    if keys:
        resource.fix(system, keys)
    assert differing(resource.wanted(), resource.found(system)) == frozenset()
    there = system.stat("/etc/f")
    assert (there.owner, there.group, there.mode) == ("app", "web", 0o640)
    return system.read("/etc/f")


def line(text="", **more):
    return Line("/etc/f", text, **more)


@pytest.mark.parametrize(
    ("declared", "before", "after"),
    [
        (line("c"), b"a\nb\n", b"a\nb\nc\n"),
        (line("c"), b"", b"c\n"),
        (line("c"), b"a", b"a\nc\n"),
        (line("c"), b"a\r\nb\r\n", b"a\r\nb\r\nc\r\n"),
        (line("a"), b"a\r\nb", b"a\r\nb"),
        (line("a"), b"a\na\n", b"a\na\n"),
        (line("b 2", match="^b "), b"a\nb 1", b"a\nb 2"),
        (line("b 2", match="^b "), b"a\r\nb 1\r\nc\r\n", b"a\r\nb 2\r\nc\r\n"),
        (line("b 2", match="^#b "), b"#b 1\n\xff\x00\n", b"b 2\n\xff\x00\n"),
        (line("b 2", match="^#b "), b"b 2\n", b"b 2\n"),
        (line("ü", match="^u:ü$"), "u:ü\n".encode(), "ü\n".encode()),
        (line("x", after="^a"), b"a1\na2\nb\n", b"a1\na2\nx\nb\n"),
        (line("x", before="^a"), b"b\na1\na2\n", b"b\nx\na1\na2\n"),
        (line("x", after="^b$"), b"a\nb", b"a\nb\nx\n"),
        (line("a", absent=True), b"a\nb\na", b"b\n"),
        (line(match="^#", absent=True), b"#1\nb\n#2\n", b"b\n"),
        (line("a", absent=True), b"b", b"b"),
        (
            line("PermitRootLogin no", match="^PermitRootLogin "),
            SSHD,
            SSHD.replace(b"n yes", b"n no"),
        ),
    ],
)
def test_one_line_changes_and_nothing_else(declared, before, after):
    assert apply(declared, before) == after


def test_more_than_one_line_is_refused_with_their_numbers():
    system = MemorySystem(files={"/etc/f": SSHD})
    with pytest.raises(NotReady) as failed:
        line("PermitRootLogin no", match="PermitRootLogin ").found(system)
    assert failed.value.code == "line-ambiguous"
    assert failed.value.found == "lines 1, 3"


def test_anchor_that_is_not_there_is_told_before_anything_changes():
    system = MemorySystem(files={"/etc/f": SSHD})
    with pytest.raises(NotReady) as failed:
        line("x", after=r"^\[main\]").found(system)
    assert failed.value.code == "anchor-missing"
    assert line("Port 22", after=r"^\[main\]").found(system) == {"line": "Port 22"}


def test_file_that_is_not_there_or_no_file():
    system = MemorySystem(files={"/etc/d/x": b""})
    with pytest.raises(NotReady) as missing:
        line("x").found(system)
    with pytest.raises(StepFailed) as directory:
        Line("/etc/d", "x").found(system)
    assert (missing.value.code, directory.value.code) == ("file-missing", "wrong-kind")
    assert line("x", absent=True).found(system) is None


def test_only_the_line_is_shown():
    system = MemorySystem(files={"/etc/f": SSHD})
    declared = line("Port 2222", match="^Port")
    assert declared.show(declared.found(system), frozenset({"line"})) == [
        "- Port 22",
        "+ Port 2222",
    ]
    gone = line("Port 22", absent=True)
    assert gone.show(gone.found(system), frozenset({"exists"})) == ["- Port 22"]


def test_secret_line_is_found_by_its_match_and_names_nothing():
    declared = line(Secret("key", "token canary"), match="^token ")
    assert apply(declared, b"a\ntoken old\n") == b"a\ntoken canary\n"
    assert declared.sensitive()
    assert "canary" not in declared.id


def test_refused_line_gives_way_to_the_old_file():
    def refuse(argv, stdin, user):
        return Result(argv, 1, b"", b"sshd: bad port\n")

    system = MemorySystem(files={"/etc/f": SSHD}, programs={"sshd": refuse})
    declared = line("Port x", match="^Port", check=("sshd", "-t"))
    assert declared.found(system)["checked"] is True
    with pytest.raises(StepFailed) as failed:
        declared.fix(system, frozenset({"line"}))
    assert failed.value.code == "check-failed"
    assert failed.value.log == ("sshd: bad port",)
    assert system.read("/etc/f") == SSHD


@pytest.mark.parametrize(
    "declared",
    [
        line(),
        line("a\nb"),
        line("a\r"),
        line("a", match="("),
        line("a", match=".*"),
        line("a", after="x", before="y"),
        line("a", before="["),
        line(Secret("k", "t")),
        line("a", match="a", absent=True),
        Line("f", "a"),
    ],
)
def test_declarations_that_can_never_be_right_are_refused(declared):
    with pytest.raises(Invalid):
        declared.validate()
