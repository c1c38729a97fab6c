"""Two steps that manage one path are refused while the plan is written, naming both places."""

import pytest

from toque.errors import BadCookbook
from toque.node.claim import Claim
from toque.testing import compile_recipe

IMPORTS = "from toque import Archive, Block, Directory, File, Guard, Line, Link, Tree, Unit\n"


def at(number: int) -> str:
    """The place of the body's line ``number``, counted from 1."""
    return f"author_book/__init__.py:{22 + number}"


def refused(book, body):
    with pytest.raises(BadCookbook) as caught:
        compile_recipe(book(IMPORTS + body))
    assert caught.value.code == "path-managed-twice"
    return caught.value.trouble


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('File("/x", "1")', 'Link("/x", "y")'),
        ('File("/x", "1")', 'Directory("/x")'),
        ('File("/x", absent=True)', 'Directory("/x")'),
        ('Link("/x", absent=True)', 'File("/x", "1")'),
        ('Archive("/x", absent=True)', 'File("/x/a/b", "1")'),
        ('Archive("/x", absent=True)', 'Directory("/x")'),
        ('Tree("/x", {"a/b": "1"})', 'File("/x/a/b", "1")'),
        ('Tree("/x", {"a/b": "1"})', 'Directory("/x/a")'),
        ('Tree("/x", {"a/b": "1"}, purge=True)', 'Line("/x/c/d", "1")'),
        ('Tree("/x", {"a/b": "1"}, purge=True)', 'Tree("/x/c", {"a": "1"})'),
        ('Line("/x", "a")', 'File("/x", "1")'),
        ('Block("/x", "b", "a")', 'Link("/x", "y")'),
        ('Directory("/x", absent=True, recursive=True)', 'Line("/x/y", "a")'),
        ('Directory("/x", absent=True, recursive=True)', 'File("/x/deep/y", "1")'),
        ('Directory("/x", absent=True, recursive=True)', 'Directory("/x/y")'),
        (
            'Unit("x.service", "[Service]\\nExecStart=/x\\n")',
            'File("/etc/systemd/system/x.service", "1")',
        ),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_same_path_twice_names_both_places(book, one, other, turned):
    first, second = (other, one) if turned else (one, other)
    trouble = refused(book, f"r.add({first})\nr.add({second})\n")

    assert at(2) in trouble.expected
    assert at(3) in trouble.found
    assert trouble.place == at(3)


@pytest.mark.parametrize(
    "body",
    [
        'r.add(Directory("/x"))\nr.add(File("/x/y", "1"))\nr.add(File("/x/y2", "1"))',
        'r.add(Directory("/x", absent=True))\nr.add(File("/xy", "1"))',
        'r.add(Directory("/x", absent=True, recursive=True))\nr.add(File("/xy", "1"))',
        'r.add(File("/x", "1"))\nr.add(File("/x", "1"))',
        'r.add(Tree("/x", {"a/b": "1"}))\nr.add(File("/x/c", "1"))\nr.add(Directory("/x/d"))',
        'r.add(File("/x", "", create_only=True))\nr.add(Line("/x", "a"))\nr.add(Line("/x", "b"))\n'
        'r.add(Block("/x", "b", "a"))',
        'old, new = Guard("fact", ("release", "11")), Guard("fact", ("release", "12"))\n'
        'r.add(File("/x", "1"), when=old)\nr.add(Link("/x", "y"), when=new)',
    ],
)
def test_what_goes_together_compiles(book, body):
    assert compile_recipe(book(IMPORTS + body)).ids


def test_one_guard_is_not_enough(book):
    refused(book, 'r.add(File("/x", "1"), when=Guard("exists", "/y"))\nr.add(Link("/x", "y"))\n')


def test_parts_go_with_parts_and_with_nothing_else():
    part, whole = Claim("/x", part=True), Claim("/x")

    assert not part.meets(part)
    assert part.meets(whole)
    assert whole.meets(part)
    assert Claim("/", below=True).meets(Claim("/x/y", part=True))


def test_a_thousand_steps_are_compared_in_one_pass(book, monkeypatch):
    asked = []
    real = Claim.meets
    monkeypatch.setattr(Claim, "meets", lambda a, b: (asked.append(a), real(a, b))[1])
    body = 'for n in range(1000):\n    r.add(File(f"/srv/{n}/x", str(n)))\n'

    assert len(compile_recipe(book(body)).ids) == 1000
    assert asked == []
