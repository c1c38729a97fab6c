"""One marked block in a file of somebody else; everything else stays byte for byte."""

import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid, differing
from toque.node.resources.block import Block
from toque.node.values import Secret

BEGIN, END = b"# BEGIN toque our\n", b"# END toque our\n"


def apply(resource, data):
    system = MemorySystem()
    system.put("/etc/f", data, owner="app", group="web", mode=0o640)
    resource.validate()
    keys = differing(resource.wanted(), resource.found(system))
    if keys:
        resource.fix(system, keys)
    assert differing(resource.wanted(), resource.found(system)) == frozenset()
    there = system.stat("/etc/f")
    assert (there.owner, there.group, there.mode) == ("app", "web", 0o640)
    return system.read("/etc/f")


def block(text="", **more):
    return Block("/etc/f", "our", text, **more)


@pytest.mark.parametrize(
    ("declared", "before", "after"),
    [
        (block("x\ny"), b"a\n", b"a\n" + BEGIN + b"x\ny\n" + END),
        (block("x\n"), b"", BEGIN + b"x\n" + END),
        (block(""), b"a", b"a\n" + BEGIN + END),
        (block("x"), BEGIN + b"old\nold\n" + END + b"\xff\x00", BEGIN + b"x\n" + END + b"\xff\x00"),
        (block("x", after="^a"), b"a\nb\n", b"a\n" + BEGIN + b"x\n" + END + b"b\n"),
        (block("x", before="^b"), b"a\nb\n", b"a\n" + BEGIN + b"x\n" + END + b"b\n"),
        (block("x", after="^z"), BEGIN + END, BEGIN + b"x\n" + END),
        (
            block("x"),
            b"a\r\n",
            b"a\r\n# BEGIN toque our\r\nx\r\n# END toque our\r\n",
        ),
        (block("x", comment="//"), b"", b"// BEGIN toque our\nx\n// END toque our\n"),
        (block(absent=True), b"a\n" + BEGIN + b"x\n" + END + b"b", b"a\nb"),
        (block(absent=True), b"a\nb", b"a\nb"),
        (block("x"), BEGIN + b"x\n" + END[:-1], BEGIN + b"x\n" + END[:-1]),
        (block("y"), BEGIN + b"x\n" + END[:-1], BEGIN + b"y\n" + END),
    ],
)
def test_the_block_changes_and_nothing_else(declared, before, after):
    assert apply(declared, before) == after


@pytest.mark.parametrize(
    "damaged", [BEGIN, END, END + BEGIN, BEGIN + BEGIN + END, (BEGIN + END) * 2]
)
def test_damaged_markers_are_refused(damaged):
    system = MemorySystem(files={"/etc/f": b"a\n" + damaged})
    for declared in (block("x"), block(absent=True)):
        with pytest.raises(StepFailed) as failed:
            declared.found(system)
        assert failed.value.code == "block-damaged"
        assert "lines 2" in failed.value.found


def test_missing_file_and_missing_anchor():
    with pytest.raises(NotReady) as missing:
        block("x").found(MemorySystem())
    with pytest.raises(NotReady) as anchor:
        block("x", before="^z").found(MemorySystem(files={"/etc/f": b"a\n"}))
    assert (missing.value.code, anchor.value.code) == ("file-missing", "anchor-missing")
    assert block(absent=True).found(MemorySystem()) is None


def test_two_blocks_in_one_file_are_two_resources():
    one, two = block("x"), Block("/etc/f", "other", "y")
    assert one.id != two.id
    assert not one.claims()[0].meets(two.claims()[0])


def test_only_the_block_is_shown_and_no_secret():
    system = MemorySystem(files={"/etc/f": b"theirs\n" + BEGIN + b"old\n" + END})
    shown = "\n".join(block("new").show(block("new").found(system), frozenset({"text"})))
    assert "-old" in shown
    assert "+new" in shown
    assert "theirs" not in shown
    assert block(Secret("k", "t")).sensitive()


@pytest.mark.parametrize(
    "declared",
    [
        Block("f", "our", "x"),
        Block("/etc/f", "", "x"),
        Block("/etc/f", "a b", "x"),
        block("x", absent=True),
        block("x", comment=" "),
        block("x", comment="#\n"),
        block("# END toque our\nroot ALL"),
        block("x\0"),
        block("x", after="(", before=""),
    ],
)
def test_declarations_that_can_never_be_right_are_refused(declared):
    with pytest.raises(Invalid):
        declared.validate()
