"""Which move comes next when a release goes to many nodes."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toque.errors import AskedWrongly
from toque.fleet.rollout import Do, Move, Rollout, Seen, batch_of, next_move

WEB = ("web1", "web2", "web3")
Good = Callable[[Move], set[str]]


def told(rollout: Rollout, good: Good = lambda move: set(move.nodes)) -> list[tuple[str, str]]:
    """The moves of a whole rollout, as ``(what, which nodes)``."""
    seen, moves = Seen(), []
    while True:
        move = next_move(rollout, seen)
        moves.append((move.do.value, " ".join(move.nodes)))
        if move.do in (Do.DONE, Do.FAILED):
            return moves
        seen = seen.after(move, good(move))
        assert len(moves) < 60


def failing(do: Do, node: str) -> Good:
    return lambda move: set(move.nodes) - ({node} if move.do is do else set())


def test_three_nodes_behind_a_balancer_one_after_another() -> None:
    assert told(Rollout(WEB, first=("web1",), members=WEB)) == [
        ("build", "web1 web2 web3"),
        ("prove", "web1"),
        ("prove", "web2 web3"),
        ("take out", "web1"), ("switch", "web1"), ("put in", "web1"),
        ("take out", "web2"), ("switch", "web2"), ("put in", "web2"),
        ("take out", "web3"), ("switch", "web3"), ("put in", "web3"),
        ("done", ""),
    ]  # fmt: skip


def test_batches_without_a_balancer() -> None:
    assert told(Rollout(WEB, batch=2)) == [
        ("build", "web1 web2 web3"),
        ("prove", "web1 web2 web3"),
        ("switch", "web1 web2"),
        ("switch", "web3"),
        ("done", ""),
    ]


def test_all_at_once_leaves_the_balancer_its_members() -> None:
    moves = told(Rollout(WEB, batch=3, members=WEB))

    assert "take out" not in dict(moves)


def test_a_node_alone_in_a_larger_layer_is_drained() -> None:
    moves = told(Rollout(("web2",), members=WEB))

    assert moves[2:] == [
        ("take out", "web2"), ("switch", "web2"), ("put in", "web2"), ("done", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("do", "node", "ending"),
    [
        (Do.BUILD, "web2", []),  # nothing was started anywhere
        (Do.PROVE, "web1", [("put back", "web1")]),  # the others were not begun
        (Do.PROVE, "web3", [("put back", "web1 web2 web3")]),
        (Do.TAKE_OUT, "web1", [("put back", "web1 web2 web3"), ("put in", "web1")]),
        (Do.SWITCH, "web1", [("put back", "web1 web2 web3"), ("put in", "web1")]),
        (Do.SWITCH, "web2", [("put back", "web1 web2 web3"), ("put in", "web2")]),
        (Do.SWITCH, "web3", [("put back", "web1 web2 web3"), ("put in", "web3")]),
        # A balancer that could not be told is asked once more.
        (Do.PUT_IN, "web3", [("put back", "web1 web2 web3"), ("put in", "web3")]),
    ],
)
def test_a_failure_puts_back_whatever_was_begun(do: Do, node: str, ending: list[object]) -> None:
    moves = told(Rollout(WEB, first=("web1",), members=WEB), failing(do, node))

    at = next(n for n, (what, nodes) in enumerate(moves) if what == do.value and node in nodes)
    assert moves[at + 1 :] == [*ending, ("failed", "")]


def test_a_node_that_cannot_be_put_back_stays_out_of_the_balancer() -> None:
    def good(move: Move) -> set[str]:
        return set(move.nodes) - ({"web2"} if move.do in (Do.SWITCH, Do.PUT_BACK) else set())

    moves = told(Rollout(WEB, members=WEB), good)

    assert moves[-2:] == [("put back", "web1 web2 web3"), ("failed", "")]


def test_a_node_that_is_left_out_is_kept_from_visitors_and_gets_nothing() -> None:
    rollout = Rollout(("web1", "web3"), batch=2, members=WEB, away=("web2",))

    assert told(rollout) == [
        ("build", "web1 web3"), ("prove", "web1 web3"), ("take out", "web2"),
        ("switch", "web1 web3"),  # both of those that are left
        ("done", ""),
    ]  # fmt: skip


def test_a_node_that_was_left_out_has_its_visitors_again_when_all_were_put_back() -> None:
    rollout = Rollout(("web1", "web3"), members=WEB, away=("web2",))

    moves = told(rollout, failing(Do.SWITCH, "web3"))

    assert moves[-3:] == [
        ("put back", "web1 web3"), ("put in", "web3 web2"), ("failed", ""),
    ]  # fmt: skip


@st.composite
def rollouts(draw: st.DrawFn) -> Rollout:
    names = tuple(f"n{n}" for n in range(draw(st.integers(1, 6))))
    others = tuple(f"other{n}" for n in range(draw(st.integers(0, 2))))
    members = names + others if draw(st.booleans()) else ()
    return Rollout(
        names,
        draw(st.integers(1, 7)),
        names[: draw(st.integers(0, 2))],
        members,
        others if members and draw(st.booleans()) else (),
    )


@given(
    rollout=rollouts(),
    seed=st.integers(0, 10**6),
    chance=st.sampled_from([0.0, 0.02, 0.1, 0.3]),
)
def test_whatever_fails_it_ends_and_no_rule_is_broken(
    rollout: Rollout, seed: int, chance: float
) -> None:
    names, members, batch = rollout.nodes, rollout.members, rollout.batch
    chances = random.Random(seed)
    seen = Seen()
    new: set[str] = set()  # what serves the new release
    for _ in range(200):
        move = next_move(rollout, seen)
        if move.do in (Do.DONE, Do.FAILED):
            break
        assert move.nodes
        assert set(move.nodes) <= {*names, *rollout.away}
        whole = move.do in (Do.TAKE_OUT, Do.PUT_IN)
        fails = {n for n in move.nodes if chances.random() < chance}
        good = set(move.nodes) - (set(move.nodes) if whole and fails else fails)
        if move.do is Do.PROVE:
            assert seen.built == set(names)
            assert set(rollout.first) <= seen.proved or set(move.nodes) <= set(rollout.first)
        if move.do is Do.SWITCH:
            assert seen.proved == set(names)
            assert not seen.failed
            assert len(move.nodes) <= batch
            left = set(members) - set(rollout.away)
            assert not members or set(move.nodes) <= seen.out or set(move.nodes) == left
            assert set(rollout.away) <= seen.out
            new |= set(move.nodes)  # one that failed may have switched all the same
        if move.do is Do.PUT_BACK:
            assert seen.failed
            new -= good
        seen = seen.after(move, good)
        assert not members or seen.out < set(members) or seen.failed
    else:
        pytest.fail("it never ends")
    if move.do is Do.DONE:
        assert new == set(names)
        assert seen.out == set(rollout.away)
        assert not seen.failed
    else:
        assert new <= seen.stuck
        assert seen.out <= seen.stuck


@pytest.mark.parametrize(
    ("text", "nodes", "found"),
    [("1", 3, 1), ("2", 3, 2), ("9", 3, 9), ("50%", 3, 1), ("50%", 4, 2), ("100%", 3, 3)],
)  # fmt: skip
def test_a_batch_is_a_number_or_a_part(text: str, nodes: int, found: int) -> None:
    assert batch_of(text, nodes) == found


@pytest.mark.parametrize("text", ["0", "-1", "101%", "0%", "half", "", "1.5", "1 %"])
def test_other_batches_are_refused(text: str) -> None:
    with pytest.raises(AskedWrongly) as caught:
        batch_of(text, 3)

    assert caught.value.code == "bad-batch"
