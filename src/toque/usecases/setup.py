"""Converge a node: an event's recipes, or recipes chosen by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import Failed
from ..node.model import Facts, Plan, Report
from ..node.wire import marked
from . import converge as carry
from . import lastfacts
from .abreast import Here, at_once, tried
from .converge import Stop, Watch
from .place import Place
from .site import Site

if TYPE_CHECKING:
    from .apart import Apart
    from .lifecycle import Chosen

Attributes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Planned:
    """A plan for one node, with the check that says what it would do there.

    ``event`` and ``only`` say from which recipes it was made, ``attributes`` what was set for it,
    ``made_from`` of which cookbooks and lock they were.
    """

    plan: Plan
    digest: str
    report: Report
    event: str = "setup"
    only: tuple[str, ...] = ()
    attributes: Attributes = field(default_factory=dict)
    made_from: Mapping[str, str] = field(default_factory=dict)


def plan(
    site: Site,
    place: Place,
    *,
    event: str = "setup",
    only: Sequence[str] = (),
    attributes: Attributes | None = None,
    watch: Watch,
    here: Here = at_once,
) -> Planned:
    """What ``setup`` would do now; changes nothing."""
    with carry.Session(place.transport, "check") as session:
        sent = _parcel(session, site, place, here, event=event, only=only, attributes=attributes)
        report = session.carry_out(sent, by=site.by, watch=watch)
    carry.succeeded(report, place.node.name)
    return Planned(
        sent.plan,
        sent.travelling[1],
        report,
        event,
        tuple(only),
        attributes or {},
        sent.made_from,
    )


def compiled(site: Site, place: Place, *, event: str = "setup") -> Plan:
    """The plan that ``setup`` would apply now, made from the node's facts; nothing is run there."""
    with carry.Session(place.transport, "check") as session:
        return _parcel(session, site, place, at_once, event=event, only=()).plan


def setup(
    site: Site,
    place: Place,
    *,
    event: str = "setup",
    only: Sequence[str] = (),
    attributes: Attributes | None = None,
    out: Set[str] = frozenset(),
    steps: int | None = None,
    watch: Watch,
    stop: Stop | None = None,
    here: Here = at_once,
) -> Report:
    """Converge ``place``.  Raises ``Failed`` with the step that could not be put right.

    Of ``steps`` from the first on no more are made, if there is a number: ``run-stopped`` then.
    Nodes that are ``out`` get no visitors from a balancer.  ``here`` runs what has to be run in the
    thread that compiles; see ``abreast.py``.
    """
    with carry.Session(place.transport) as session:
        sent = _parcel(
            session,
            site,
            place,
            here,
            event=event,
            only=only,
            attributes=attributes,
            out=out,
            remember=True,
        )
        report = session.carry_out(replace(sent, steps=steps), by=site.by, watch=watch, stop=stop)
    return carry.succeeded(report, place.node.name)


def agreed(
    site: Site,
    place: Place,
    saved: Planned,
    *,
    watch: Watch,
    stop: Stop | None = None,
    here: Here = at_once,
) -> Report:
    """Apply a plan that was saved, if the node is still as the plan has seen it.

    Raises ``Failed``: ``plan-moved`` before anything is changed, ``step-failed`` (with the node's
    ``plan-exceeded`` where a step would do more than was shown), ``plan-parts-gone``.
    """
    with carry.Session(place.transport) as session:
        # Secrets and large files are in no saved plan: the cookbooks are asked for them again.
        now = _parcel(
            session,
            site,
            place,
            here,
            event=saved.event,
            only=saved.only,
            attributes=saved.attributes,
        )
        for mark, there in (("$secret", now.secrets), ("$blob", now.blobs)):
            missing = {m for s in saved.plan.steps for m in marked(s.fields, mark)} - set(there)
            if missing:
                raise Failed(
                    "plan-parts-gone",
                    "the plan names something that the cookbooks no longer bring along",
                    expected="the secrets and files of the time when it was made",
                    found=f"no {mark[1:]} {', '.join(sorted(missing))}",
                    hint="make a new plan: toque plan TARGET --out FILE",
                )
        sent = replace(
            now,
            plan=saved.plan,
            agreed=saved.report.outcomes,
            remember=True,
            made_from=saved.made_from,
        )
        report = session.carry_out(sent, by=site.by, watch=watch, stop=stop)
    return carry.succeeded(report, place.node.name)


def drift(
    site: Site,
    place: Place,
    *,
    event: str = "setup",
    only: Sequence[str] = (),
    undo: bool = False,
    watch: Watch,
    stop: Stop | None = None,
    here: Here = at_once,
) -> Report:
    """What differs on ``place`` from its last converge; with ``undo`` it is put right.

    It is the plan of that converge that is compared, whatever the cookbooks say today.
    Raises ``Failed``: ``no-last-converge``, ``secrets-gone``, ``step-failed``.
    """
    with carry.Session(place.transport, "apply" if undo else "check") as session:
        sent = _parcel(session, site, place, here, event=event, only=only)
        sent = replace(sent, again=True, made_from={})  # of then, whatever there is now
        report = session.carry_out(sent, by=site.by, watch=watch, stop=stop)
    return carry.succeeded(report, place.node.name)


def _parcel(
    session: carry.Session,
    site: Site,
    place: Place,
    here: Here,
    *,
    event: str,
    only: Sequence[str],
    attributes: Attributes | None = None,
    out: Set[str] = frozenset(),
    remember: bool = False,
) -> carry.Parcel:
    """What to send; a mistake in a cookbook is told without waiting for the node's facts.

    A node is mostly what it was: the plan is made from the facts of last time while it is being
    connected to, and made again if it tells others.
    """

    def find() -> Chosen | Apart:
        # The compiler is imported, and recipes are found, while the connection is made.
        from .lifecycle import recipes_for

        return recipes_for(site, place.node, event, only)

    def compiled(facts: Facts) -> carry.Parcel:
        from .lifecycle import inputs_for, parcel

        inputs, files = inputs_for(
            site, place.node, facts, ports=place.ports, run=attributes, out=out
        )
        name = " ".join((event, place.node.name, *only))
        sent = replace(parcel(name, chosen, inputs, files)[1], remember=remember)
        _ = sent.travelling  # while nobody waits for it yet
        return sent

    chosen = here(find)
    before = lastfacts.recall(site.state, place.node.name)
    early = None if before is None else here(partial(tried, partial(compiled, before)))
    facts = session.facts
    if early is not None and facts == before:
        return early()
    lastfacts.remember(site.state, place.node.name, facts)
    return here(partial(compiled, facts))
