"""Tables become dataclasses; the spot of a mistake is exact."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Optional

import pytest

from toque.errors import AskedWrongly
from toque.fleet.spot import Spot, lines_of
from toque.fleet.typed import read


@dataclass(frozen=True)
class Pool:
    size: int = 5
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    name: str
    ratio: float = 0.5
    on: bool = False
    mode: Literal["a", "b", 3] = "a"
    pair: tuple[str, int] = ("x", 1)
    limits: Mapping[str, int] = field(default_factory=dict)
    pool: Pool = Pool()
    spare: Optional[Pool] = None  # noqa: UP045 - the old spelling has to work too
    port: int | None = None


AT = Spot("f.toml", ("t",))


def test_later_source_wins_mappings_merge_and_lists_replace():
    one = {"name": "x", "pool": {"size": 1, "names": ["n"]}, "limits": {"a": 1}}
    two = {"pool": {"size": 2, "names": ["m"]}, "limits": {"b": 2}}
    origins: dict[str, str] = {}

    made = read(
        Settings, [(one, Spot("one", ("s",))), (two, Spot("two", ("s",)))], at=AT, origins=origins
    )

    assert made == Settings("x", pool=Pool(2, ("m",)), limits={"a": 1, "b": 2})
    assert origins["pool.size"].startswith("two")
    assert origins["limits.a"].startswith("one")
    assert origins["limits.b"].startswith("two")
    assert origins["ratio"] == "default"


@dataclass(frozen=True)
class Deep:
    pool: Pool = Pool(7, ("d",))
    pools: Mapping[str, Pool] = field(default_factory=lambda: {"a": Pool(8), "b": Pool(9)})
    tables: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: {"x": {"y": 1}})


def test_defaults_are_merged_into_as_well():
    one = {"pool": {"size": 1}, "pools": {"a": {"names": ["n"]}}, "tables": {"x": {"z": 2}}}
    two = {"pools": {"a": {"size": 2}, "c": {}}}

    made = read(Deep, [(one, AT), (two, AT)], at=AT)

    assert made.pool == Pool(1, ("d",))
    assert made.pools == {"a": Pool(2, ("n",)), "b": Pool(9), "c": Pool()}
    assert made.tables == {"x": {"y": 1, "z": 2}}


def test_value_that_does_not_count_has_to_be_right_all_the_same():
    with pytest.raises(AskedWrongly) as caught:
        read(Settings, [({"name": 1}, Spot("weak", ("s",))), ({"name": "x"}, AT)], at=AT)

    assert (caught.value.code, caught.value.trouble.place) == ("wrong-type", "weak [s.name]")


def test_optional_nested_dataclass_and_whole_number_for_a_float():
    made = read(Settings, [({"name": "x", "ratio": 2, "spare": {"size": 3}}, AT)], at=AT)

    assert made.ratio == 2.0
    assert made.spare == Pool(3)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("name", 1, "text"),
        ("ratio", True, "a number"),
        ("ratio", "1", "a number"),
        ("on", 1, "true or false"),
        ("mode", "c", "one of 'a', 'b', 3"),
        ("mode", 3.0, "one of 'a', 'b', 3"),
        ("pair", ["x"], "a list of exactly 2 values"),
        ("limits", {"a": "1"}, "a whole number"),
        ("limits", [], "a table of a whole number"),
        ("pool", 3, "a table"),
        ("port", False, "a whole number"),
        ("pool", {"names": "x"}, "a list of text"),
    ],
)
def test_wrong_type_says_what_was_expected_and_found(key, value, expected):
    with pytest.raises(AskedWrongly) as caught:
        read(Settings, [({"name": "x", key: value}, AT)], at=AT)

    assert caught.value.code == "wrong-type"
    assert caught.value.trouble.expected == expected
    assert f"t.{key}" in str(caught.value)


def test_unknown_nested_key_is_named_with_its_table():
    with pytest.raises(AskedWrongly) as caught:
        read(Settings, [({"name": "x", "pool": {"sise": 1}}, AT)], at=AT)

    assert caught.value.code == "unknown-key"
    assert "[t.pool]" in str(caught.value)
    assert caught.value.trouble.hint == "did you mean 'size'?"


def test_lines_survive_strings_arrays_comments_and_dotted_keys():
    text = (
        '\n# c\n[a] # x\nb = """\nno = 1\n"""\nlist = [\n  "x",\n]\nc.d = 1\n["q r"."s"]\nz = 1\n'
    )

    lines = lines_of(text)

    assert lines[("a",)] == 3
    assert lines[("a", "b")] == 4
    assert ("a", "no") not in lines
    assert lines[("a", "c", "d")] == 10
    assert lines[("q r", "s", "z")] == 12


def test_spot_without_a_line_names_its_table():
    assert str(Spot("f.toml", ("a", "b"))) == "f.toml [a.b]"
    assert str(Spot("f.toml", ("a", "b"), {("a",): 7})) == "f.toml:7"
