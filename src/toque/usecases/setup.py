"""Converge a node: an event's recipes, or recipes chosen by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..node.model import Facts, Plan, Report
from ..node.wire import digest
from . import converge as carry
from .converge import Stop, Watch
from .place import Place
from .site import Site

if TYPE_CHECKING:  # the compiler is imported while the connection is made
    from ..cookbooks.cookbook import Cookbook

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
        recipes = _recipes(site, place, event, only)
        sent = _parcel(
            site,
            place,
            event=event,
            recipes=recipes,
            facts=session.facts,
            attributes=attributes,
        )
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
        recipes = _recipes(site, place, event, only)
        sent = _parcel(
            site,
            place,
            event=event,
            recipes=recipes,
            facts=session.facts,
            attributes=attributes,
        )
        report = session.carry_out(sent, by=site.by, watch=watch, stop=stop)
    return carry.succeeded(report, place.node.name)


def _recipes(
    site: Site, place: Place, event: str, only: Sequence[str]
) -> list[tuple[Cookbook, str]]:
    """Found while the connection is made; a mistake in a cookbook is told without the node."""
    from .lifecycle import recipes_for

    return recipes_for(site.project, place.node, event, only)


def _parcel(
    site: Site,
    place: Place,
    *,
    event: str,
    recipes: Sequence[tuple[Cookbook, str]],
    facts: Facts,
    attributes: Attributes | None,
) -> carry.Parcel:
    from .lifecycle import inputs_for, parcel

    inputs, files = inputs_for(site, place.node, facts, ports=place.ports, run=attributes)
    return parcel(f"{event} {place.node.name}", recipes, inputs, files)[1]
