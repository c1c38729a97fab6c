"""Converge a node: an event's recipes, or recipes chosen by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..node.model import Plan, Report
from ..node.wire import digest
from . import converge as carry
from .converge import Stop, Watch
from .place import Place
from .site import Site

Attributes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Planned:
    """A plan for one node, with the check that says what it would do there."""

    plan: Plan
    digest: str
    report: Report


def plan(
    site: Site,
    place: Place,
    *,
    event: str = "setup",
    only: Sequence[str] = (),
    attributes: Attributes | None = None,
    watch: Watch,
) -> Planned:
    """What ``setup`` would do now; changes nothing."""
    with carry.Session(place.transport, "check") as session:
        sent = _parcel(session, site, place, event=event, only=only, attributes=attributes)
        report = session.carry_out(sent, by=site.by, watch=watch)
    carry.succeeded(report, place.node.name)
    return Planned(sent.plan, digest(sent.plan), report)


def setup(
    site: Site,
    place: Place,
    *,
    event: str = "setup",
    only: Sequence[str] = (),
    attributes: Attributes | None = None,
    watch: Watch,
    stop: Stop | None = None,
) -> Report:
    """Converge ``place``.  Raises ``Failed`` with the step that could not be put right."""
    with carry.Session(place.transport) as session:
        sent = _parcel(session, site, place, event=event, only=only, attributes=attributes)
        report = session.carry_out(sent, by=site.by, watch=watch, stop=stop)
    return carry.succeeded(report, place.node.name)


def _parcel(
    session: carry.Session,
    site: Site,
    place: Place,
    *,
    event: str,
    only: Sequence[str],
    attributes: Attributes | None,
) -> carry.Parcel:
    """What to send; a mistake in a cookbook is told without waiting for the node's facts."""
    # The compiler is imported, and recipes are found, while the connection is made.
    from .lifecycle import inputs_for, parcel, recipes_for

    recipes = recipes_for(site.project, place.node, event, only)
    inputs, files = inputs_for(site, place.node, session.facts, ports=place.ports, run=attributes)
    return parcel(f"{event} {place.node.name}", recipes, inputs, files)[1]
