"""A release going to many nodes: the next move, from what has been seen so far.  Pure.

All nodes build; then the new release proves itself beside the old one, first on the node that
migrates, then on the others; then visitors are switched, a batch at a time.  The first failure
ends it: whatever was begun is put back, so that all nodes serve the release that they served.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass, field, replace
from enum import Enum

from ..errors import AskedWrongly


class Do(Enum):
    """What a move is.  The first three are done to each of its nodes, side by side."""

    BUILD = "build"  # code, packages, files: nothing runs yet
    PROVE = "prove"  # migrate where that is due, start beside the old one, rehearse
    SWITCH = "switch"
    TAKE_OUT = "take out"  # of the balancer
    PUT_IN = "put in"
    PUT_BACK = "put back"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Move:
    do: Do
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rollout:
    """``nodes`` get the release, in this order, ``batch`` at once; ``first`` are those that prove
    it before the others.  ``members`` are all nodes behind the balancer, none without one;
    ``away`` are those of them that get nothing this time, and so no visitors either."""

    nodes: tuple[str, ...]
    batch: int = 1
    first: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    away: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What is known of the nodes; each set holds names.

    ``begun`` are those where the new release was started, or may have been: a node whose link
    broke in the middle is one of them.  ``stuck`` could not be put back.  ``unheard`` are in again,
    which the balancer has not been told.
    """

    built: frozenset[str] = frozenset()
    begun: frozenset[str] = frozenset()
    proved: frozenset[str] = frozenset()
    switched: frozenset[str] = frozenset()
    out: frozenset[str] = frozenset()
    back: frozenset[str] = frozenset()
    stuck: frozenset[str] = frozenset()
    unheard: frozenset[str] = frozenset()
    failed: bool = field(default=False)

    def after(self, move: Move, good: Set[str]) -> Seen:
        """What is known after a move that was good on these nodes.

        A move of the balancer is good on all of its nodes or on none.
        """
        nodes, good = frozenset(move.nodes), frozenset(good)
        now = replace(self, failed=self.failed or bool(nodes - good))
        if move.do is Do.BUILD:
            return replace(now, built=self.built | good)
        if move.do is Do.PROVE:
            return replace(now, begun=self.begun | nodes, proved=self.proved | good)
        if move.do is Do.SWITCH:
            return replace(now, begun=self.begun | nodes, switched=self.switched | good)
        if move.do is Do.TAKE_OUT:
            return replace(now, out=self.out | nodes)  # nobody knows how far a failed one came
        if move.do is Do.PUT_IN:
            if nodes <= good:
                return replace(now, out=self.out - nodes, unheard=frozenset())
            if not self.failed:
                return now  # asked for once more when all are put back
            return replace(now, out=self.out - nodes, unheard=nodes)
        return replace(now, back=self.back | good, stuck=self.stuck | (nodes - good))


def next_move(rollout: Rollout, seen: Seen) -> Move:
    """What to do now."""
    if seen.failed:
        return _ending(rollout, seen)
    if set(rollout.nodes) - seen.built:
        return Move(Do.BUILD, _in_order(rollout, set(rollout.nodes) - seen.built))
    unproved = set(rollout.nodes) - seen.proved
    if unproved:
        return Move(Do.PROVE, _in_order(rollout, unproved & set(rollout.first) or unproved))
    away = frozenset(rollout.away)
    if away - seen.out:
        return Move(Do.TAKE_OUT, rollout.away)
    out = seen.out - away
    if out and out <= seen.switched:
        return Move(Do.PUT_IN, _in_order(rollout, out))
    batch = _in_order(rollout, set(rollout.nodes) - seen.switched)[: rollout.batch]
    if not batch:
        return Move(Do.DONE)
    if set(rollout.members) - away > set(batch) and not set(batch) <= seen.out:
        return Move(Do.TAKE_OUT, batch)
    return Move(Do.SWITCH, batch)


def _ending(rollout: Rollout, seen: Seen) -> Move:
    """After a failure: put back what was begun, then let the balancer have its members again."""
    owed = seen.begun - seen.back - seen.stuck
    if owed:
        return Move(Do.PUT_BACK, _in_order(rollout, owed))
    # Nobody knows what a stuck one serves: visitors are kept from it.
    if seen.out - seen.stuck:
        return Move(Do.PUT_IN, _in_order(rollout, seen.out - seen.stuck))
    return Move(Do.FAILED)


def _in_order(rollout: Rollout, nodes: Set[str]) -> tuple[str, ...]:
    return tuple(name for name in (*rollout.nodes, *rollout.away) if name in nodes)


def batch_of(text: str, nodes: int) -> int:
    """How many nodes ``2`` or ``50%`` are, at least one.  Raises ``AskedWrongly("bad-batch")``."""
    found = re.fullmatch(r"(\d{1,4})(%?)", text)
    number = int(found.group(1)) if found else 0
    if found is None or number < 1 or (found.group(2) and number > 100):
        raise AskedWrongly(
            "bad-batch",
            "--batch was given something else",
            expected="a number of nodes from 1, or a part of them from 1% to 100%",
            found=text,
            hint="--batch 2, or --batch 25%",
        )
    return max(1, nodes * number // 100) if found.group(2) else number
