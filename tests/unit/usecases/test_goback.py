"""Which release each of several nodes goes back to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from toque.errors import Failed
from toque.fleet.app import App
from toque.usecases.goback import choices, differing

APP = App("shop", "/repo", "web")


def kept(name: str, day: int, **more: Any) -> dict[str, Any]:
    return {"id": name, "commit": name * 8, "deployed_at": f"2026-01-0{day}", **more}


A, B, C = kept("aaaaa", 1), kept("bbbbb", 2), kept("ccccc", 3)
NOW_B, NOW_C = {**B, "current": True}, {**C, "current": True}
BACK_AT_B = [{**C, "verdict": "put-back"}, {**NOW_B, "deployed_at": "2026-01-04"}, A]


def ids(there: Mapping[str, Sequence[Mapping[str, Any]]], to: str = "") -> list[str]:
    return [str(entry["id"]) for entry in choices(there, APP, to).values()]


def test_all_go_to_the_release_before():
    assert ids({"web1": [NOW_C, B, A], "web2": [NOW_C, B]}) == ["bbbbb", "bbbbb"]


def test_the_others_follow_a_node_that_has_gone_back_by_itself():
    found = choices({"web1": [NOW_C, B, A], "web2": BACK_AT_B, "web3": [NOW_C, B]}, APP)

    assert [entry["id"] for entry in found.values()] == ["bbbbb"] * 3
    assert [bool(entry.get("current")) for entry in found.values()] == [False, True, False]


def test_when_all_have_followed_the_next_one_goes_further_back():
    there = [C, {**NOW_B, "deployed_at": "2026-01-04"}, A]

    assert ids({"web1": there, "web2": BACK_AT_B}) == ["aaaaa", "aaaaa"]


def test_what_one_node_has_gone_back_from_is_where_none_goes_unless_it_is_named():
    newest = {**kept("ddddd", 5), "current": True}
    there = {"web1": [newest, C, B], "web2": [newest, {**C, "verdict": "put-back"}, B]}

    assert ids(there) == ["bbbbb", "bbbbb"]
    assert ids(there, "ccccc") == ["ccccc", "ccccc"]


def test_a_release_that_was_put_back_once_and_serves_everywhere_now_is_like_any_other():
    again = {**NOW_C, "verdict": "put-back"}

    assert ids({"web1": [NOW_C, B], "web2": [again, B]}) == ["bbbbb", "bbbbb"]


def test_nodes_that_would_go_to_different_commits_are_not_touched():
    with pytest.raises(Failed) as caught:
        choices({"web1": [NOW_C, B, A], "web2": [NOW_C, A]}, APP)

    assert caught.value.code == "nodes-differ"
    assert caught.value.trouble.found == f"web1: {'bbbbb' * 8:.12}, web2: {'aaaaa' * 8:.12}"
    assert ids({"web1": [NOW_C, B, A], "web2": [NOW_C, A]}, "aa") == ["aaaaa", "aaaaa"]


def test_a_node_with_nothing_to_go_back_to_is_named():
    with pytest.raises(Failed) as caught:
        choices({"web1": [NOW_C, B], "web2": [NOW_C]}, APP)

    assert caught.value.code == "nothing-to-roll-back"
    assert caught.value.trouble.message.startswith("web2: ")


X, Y = "1" * 12, "2" * 12


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"web1": (f"{X}-aaaaaa", ""), "web2": (f"{X}-aaaaaa", "")}, {}),
        ({"web1": (f"{X}-aaaaaa", ""), "web2": (f"{X}-bbbbbb", "")}, {}),  # attributes of a node
        ({"web1": (f"{X}-aaaaaa", "good"), "web2": ("", "")}, {}),  # nothing is deployed there yet
        (
            {"web1": (f"{X}-aaaaaa", ""), "web2": (f"{Y}-aaaaaa", "")},
            {"shop": {f"{X}-aaaaaa": ["web1"], f"{Y}-aaaaaa": ["web2"]}},
        ),
        (  # the same commit with other variables, which one node has gone back from
            {"web1": (f"{X}-aaaaaa", ""), "web2": (f"{X}-bbbbbb", "put back: 5xx")},
            {"shop": {f"{X}-aaaaaa": ["web1"], f"{X}-bbbbbb": ["web2"]}},
        ),
    ],
)
def test_nodes_that_serve_different_things(
    told: Mapping[str, tuple[str, str]], found: Mapping[str, Any]
):
    said = [
        {"node": node, "apps": [{"app": "shop", "release": release, "watch": watch}]}
        for node, (release, watch) in told.items()
    ]

    assert differing([*said, {"node": "web9", "unreachable": "no"}]) == found
