import copy
import json
import pickle

import pytest

from toque.node.values import Blob, Secret

TEXT = "s3cr3t-canary"


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        "{}".format,
        "{!r:>40}".format,
        lambda s: f"{s}",
        lambda s: f"{s:x>3}",
        lambda s: "%s %r" % (s, s),  # noqa: UP031
        lambda s: str([s]),
        lambda s: str({"a": s}),
        lambda s: repr(vars(type(s))),
        lambda s: str(ValueError(s)),
    ],
)
def test_no_way_of_printing_shows_the_text(show):
    assert TEXT not in show(Secret("key", TEXT))


@pytest.mark.parametrize(
    "leak", [json.dumps, pickle.dumps, copy.deepcopy, hash, iter, len, bytes, lambda s: "a" + s]
)
def test_what_would_carry_the_text_elsewhere_is_refused(leak):
    with pytest.raises(TypeError):
        leak(Secret("key", TEXT))


def test_equal_only_to_a_secret_with_the_same_text():
    assert Secret("a", TEXT) == Secret("b", TEXT)
    assert Secret("a", TEXT) != Secret("a", "other")
    assert Secret("a", TEXT) != TEXT


def test_reveal_gives_the_text_and_an_empty_one_is_false():
    assert Secret("a", TEXT).reveal() == TEXT
    assert not Secret("a", "")


def test_blob_is_a_plain_value():
    assert Blob("ab", 1) == Blob("ab", 1)
    assert Blob("ab").size == 0
