"""Our quick dataclass behaves as the frozen one of the standard library, side by side."""

import ast
import dataclasses
from typing import Any, ClassVar, List, Mapping, Optional, Tuple

import pytest

from source_tree import SRC, modules
from toque.node.record import dataclass


def twins(decorate: Any) -> Tuple[Any, Any]:
    @decorate(frozen=True)
    class Base:
        """Two fields."""

        path: str
        mode: Optional[int] = None
        kind: ClassVar[str] = "base"

    @decorate(frozen=True)
    class Below(Base):
        """Two more."""

        tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
        seen: int = dataclasses.field(default=0, compare=False, repr=False)
        kind: ClassVar[str] = "below"

    Base.__qualname__, Below.__qualname__ = "Base", "Below"
    return Base, Below


OURS, THEIRS = twins(dataclass), twins(dataclasses.dataclass)
CALLS: List[Tuple[int, Tuple[Any, ...], Mapping[str, Any]]] = [
    (0, ("/a",), {}),
    (0, ("/a", 3), {}),
    (0, (), {"mode": 3, "path": "/a"}),
    (1, ("/a",), {"seen": 2}),
    (1, (), {"seen": 2, "tags": {"a": "b"}, "path": "/a"}),
]
WRONG: List[Tuple[Tuple[Any, ...], Mapping[str, Any], str]] = [
    ((), {}, "path"),
    ((), {"mode": 3}, "path"),
    (("/a", 3, {}, 0, 1), {}, "given"),
    (("/a",), {"path": "/b"}, "multiple values for argument 'path'"),
    (("/a",), {"mood": 3}, "unexpected keyword argument 'mood'"),
]


@pytest.mark.parametrize(("which", "values", "named"), CALLS)
def test_a_value_is_the_same(which: int, values: Any, named: Any) -> None:
    ours, theirs = OURS[which](*values, **named), THEIRS[which](*values, **named)

    assert list(vars(ours).items()) == list(vars(theirs).items())
    assert repr(ours) == repr(theirs)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert ours == OURS[which](*values, **named)
    assert ours != dataclasses.replace(ours, path="/other")
    assert ours != theirs


@pytest.mark.parametrize(("values", "named", "words"), WRONG)
def test_wrong_arguments_are_told(values: Any, named: Any, words: str) -> None:
    for kind in (OURS[1], THEIRS[1]):
        with pytest.raises(TypeError, match=words):
            kind(*values, **named)


@pytest.mark.parametrize("kind", [*OURS, *THEIRS])
def test_nothing_can_be_set_or_deleted(kind: Any) -> None:
    value = kind("/a")
    for change in (lambda: setattr(value, "path", "/b"), lambda: delattr(value, "path")):
        with pytest.raises(dataclasses.FrozenInstanceError, match="field 'path'"):
            change()


def test_what_is_left_out_of_comparing_does_not_count() -> None:
    for _, below in (OURS, THEIRS):
        assert below("/a", seen=1) == below("/a", seen=2)
        assert below("/a") != below("/b")


def test_equal_values_have_one_hash() -> None:
    for base, below in (OURS, THEIRS):
        assert hash(base("/a", 1)) == hash(base("/a", 1))
        assert len({base("/a"), base("/a"), base("/b")}) == 2
        with pytest.raises(TypeError, match="unhashable"):
            hash(below("/a"))


def test_a_default_that_is_made_is_made_each_time() -> None:
    assert OURS[1]("/a").tags is not OURS[1]("/a").tags


def test_it_is_a_frozen_dataclass_to_everybody_else() -> None:
    assert dataclasses.is_dataclass(OURS[0])
    assert [f.name for f in dataclasses.fields(OURS[1])] == ["path", "mode", "tags", "seen"]

    @dataclasses.dataclass(frozen=True)
    class Further(OURS[1]):  # type: ignore[misc]
        """As somebody writes one in a cookbook."""

        more: int = 0

    assert repr(Further("/a", more=1)).endswith("more=1)")


def test_what_is_to_be_checked_is_checked_when_all_is_there() -> None:
    @dataclass(frozen=True)
    class Port:
        """A number."""

        number: int = 22

        def __post_init__(self) -> None:
            if not 0 < self.number < 65536:
                raise ValueError(self.number)

    assert Port().number == 22
    with pytest.raises(ValueError, match="70000"):
        Port(70000)


def test_an_own_initializer_and_own_methods_stay() -> None:
    @dataclass(frozen=True, init=False)
    class Names:
        """Any number of names."""

        names: Tuple[str, ...]

        def __init__(self, *names: str) -> None:
            vars(self).update(names=names)

        def __repr__(self) -> str:
            return "/".join(self.names)

    assert repr(Names("a", "b")) == "a/b"
    assert Names("a") == Names("a")


def slow(tree: ast.Module) -> List[str]:
    """Frozen classes of a module that takes the standard library's decorator."""
    theirs = any(
        isinstance(node, ast.ImportFrom)
        and node.module == "dataclasses"
        and any(alias.name == "dataclass" for alias in node.names)
        for node in ast.walk(tree)
    )
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any("frozen=True" in ast.unparse(one) for one in node.decorator_list)
        and (theirs or any("dataclasses." in ast.unparse(one) for one in node.decorator_list))
    ]


def test_all_frozen_classes_of_the_node_are_made_here() -> None:
    assert [(path, found) for path, tree in modules(SRC / "node") if (found := slow(tree))] == []


@pytest.mark.parametrize(
    "planted",
    [
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass A: ...",
        "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass A: ...",
    ],
)
def test_the_rule_sees_a_planted_fault(planted: str) -> None:
    assert slow(ast.parse(planted)) == ["A"]
