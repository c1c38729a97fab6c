"""What ``toque env`` keeps: versions tell names and never values."""

import json

import pytest

from toque.fleet.kept import Kept, Variable, decode

NOW = {"at": "2026-11-23T06:00:00Z", "by": "her@laptop"}


def changed(*changes):
    kept = Kept("thena")
    for change in changes:
        kept = change(kept)
    return kept


def setting(**values):
    given = {name: Variable(value, secret=False) for name, value in values.items()}
    return lambda kept: kept.with_set(given, **NOW)


def removing(*names):
    return lambda kept: kept.without(names, **NOW)


def test_each_change_is_a_version_with_names_only():
    kept = changed(setting(A="one", B="canary"), setting(B="other"), removing("A"))

    assert [(v.number, v.set, v.unset) for v in kept.versions] == [
        (1, ("A", "B"), ()),
        (2, ("B",), ()),
        (3, (), ("A",)),
    ]
    assert {(v.by, v.at) for v in kept.versions} == {("her@laptop", "2026-11-23T06:00:00Z")}
    assert kept.variables == {"B": Variable("other", secret=False, version=2)}
    assert "canary" not in json.dumps([v.as_json() for v in kept.versions])


def test_what_is_so_already_is_no_change():
    kept = changed(setting(A="one"))

    assert setting(A="one")(kept) is kept
    assert removing("B")(kept) is kept
    assert setting(A="one", B="two")(kept).versions[-1].set == ("B",)


def test_secret_stays_secret():
    kept = Kept("thena").with_set({"A": Variable("canary")}, **NOW)

    again = setting(A="public")(kept)

    assert again.variables["A"].secret
    assert "canary" not in repr(kept)
    assert "public" not in repr(again)


def test_it_is_read_as_it_was_written():
    kept = changed(setting(A="one\n\u2028 %40"), removing("A"), setting(B=""))
    kept = kept.with_made("KEY", "text").with_set({"C": Variable("s")}, **NOW)

    assert decode(kept.encode()) == kept


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"format": 2}, "of a newer Toque"),
        ({"app": 5}, "something else"),
        ({"variables": {"A": "canary"}}, "something else"),
        ({"made": {"A": ["canary"]}}, "something else"),
        (
            {"versions": [{"number": "canary", "at": "", "by": "", "set": [], "unset": []}]},
            "something else",
        ),
    ],
)
def test_something_else_is_refused_and_not_quoted(change, word):
    data = {**json.loads(Kept("thena").encode()), **change}

    with pytest.raises(ValueError, match=word) as caught:
        decode(json.dumps(data).encode())

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("data", [b"canary", b"[]", b"\xff", b"{}"])
def test_what_is_no_object_is_refused(data):
    with pytest.raises(ValueError, match="something else"):
        decode(data)
