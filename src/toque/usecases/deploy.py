"""Deploys: which release goes to which nodes, in what order, and what failure means.

Every node runs the same ordinary plan; a step that fails before the switch leaves the old release
serving there.  Several nodes go together: ``many.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import Failed
from ..fleet.app import App
from ..fleet.release import Release, release_of
from ..fleet.rollout import batch_of
from ..fleet.secrets import SALT
from ..node.model import Report
from ..node.wire import finding_json
from ..ports import Transport
from . import converge as carry
from .abreast import abreast
from .across import Across, across_of
from .apart import Apart
from .converge import Session, StepError, Stop, Watch
from .goback import choices
from .lifecycle import (
    Chosen,
    Delivery,
    content_of,
    delivery_of,
    inputs_for,
    kept_delivery,
    parcel,
    prepare,
    recipes_for,
    scratch_directory,
)
from .many import Many, Served
from .place import Place
from .repository import opened
from .site import Site


@dataclass(frozen=True)
class Deployed:
    """One release on one node."""

    node: str
    release: str
    commit: str
    subject: str
    report: Report

    def as_json(self) -> dict[str, Any]:
        return {
            "node": self.node,
            "release": self.release,
            "commit": self.commit,
            "subject": self.subject,
            "changed": self.report.changed,
            "seconds": round(self.report.seconds, 3),
            "run": self.report.run,
            "findings": [finding_json(finding) for finding in self.report.findings],
        }


def deploy(
    site: Site,
    app: App,
    places: Sequence[Place],
    *,
    ref: str = "",
    before: str = "",
    same: bool = False,
    allow_unsafe_migration: bool = False,
    balancers: Sequence[Place] = (),
    without: Sequence[str] = (),
    batch: str = "1",
    scale: Mapping[str, int] | None = None,
    watch: Callable[[str], Watch],
    stop: Stop | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> list[Deployed]:
    """Put ``ref`` (the app's branch when empty) of ``app`` on each place.

    With ``same`` each place gets the commit that it serves, with today's settings and variables.
    ``before`` is the commit that a place most likely serves: what is sent is made for it while the
    place is being connected to.
    Several places, or one behind ``balancers``, go together, ``batch`` (``2``, ``50%``) of them at
    a time; ``say`` is told each move of theirs (``many.py``).  Nodes ``without`` it get no visitors
    from the balancers until they are deployed to.  Migrations are run by the nodes that
    ``App.migrating`` names, the first as a rule; with ``allow_unsafe_migration`` also those that
    the release which serves cannot live with.  ``scale`` are numbers of processes that each node
    keeps from now on, beside those it was given before.  ``watch`` is called with a node's name and
    gives what watches its events.  Raises what ``delivery_of`` and ``converge`` raise, ``Failed``
    for the first node whose step failed; then all serve what they served.
    """
    size = batch_of(batch, len(places))
    migrating = app.migrating([place.node.name for place in places])

    def on(node: str, delivery: Delivery, kept: Mapping[str, int]) -> Delivery:
        numbers = {**kept, **(scale or {})}
        source = replace(
            delivery.source,
            migrates=node in migrating,
            allow_unsafe_migration=allow_unsafe_migration,
            by=site.by,
            scale=numbers,
        )
        return replace(delivery, app=delivery.app.scaled(numbers), source=source)

    with scratch_directory(site.state) as scratch:
        many = Many(
            site,
            app,
            places,
            ref or app.branch,
            partial(_compiled, site),
            watch,
            Path(scratch),
            on=on,
            first=migrating,
            serving=partial(_serving, app=app) if same else None,
            batch=size,
            balancers=balancers,
            members=[node.name for node in site.project.nodes_of(app)],
            away=without,
            stop=stop,
            say=say,
        )
        if len(places) == 1 and not balancers:
            return [_alone(many, places[0], before)]
        return [_deployed(one) for one in many.run()]


def _deployed(one: Served) -> Deployed:
    built = one.built
    commit, subject = built.release.commit, built.delivery.source.subject
    return Deployed(one.node, built.release.id, commit, subject, one.report)


def _alone(many: Many, place: Place, before: str) -> Deployed:
    """One node does it all in one run: nobody has to be waited for."""
    site, app, scratch = many.site, many.app, many.scratch
    name = place.node.name
    tell, stop = many.watch(name), many.stop
    try:
        with Session(place.transport, app=app.name) as session:
            # All that does not need the node is done while it is being connected to.
            recipes = recipes_for(site, place.node, "deploy")
            prepare(site, app)
            ref = many.serving(session.releases) if many.serving else many.ref
            with opened(site, app, place) as repository:
                delivery = delivery_of(
                    site, app, repository, ref=ref, scratch=scratch,
                    known=lambda: [str(entry["commit"]) for entry in session.releases],
                    guess=before,
                )  # fmt: skip
            numbers = session.scale
            delivery = many.on(name, delivery, numbers)
            return _deliver(site, place, session, delivery, recipes, watch=tell, stop=stop)
    except StepError as error:
        if error.code != "bundle-incomplete":
            raise
    with Session(place.transport) as session, opened(site, app, place) as repository:
        commit = delivery.release.commit
        delivery = delivery_of(site, app, repository, ref=commit, scratch=scratch)
        delivery = many.on(name, delivery, numbers)
        return _deliver(site, place, session, delivery, recipes, watch=tell, stop=stop)


def rollback(
    site: Site,
    app: App,
    places: Sequence[Place],
    *,
    to: str = "",
    agree: Callable[[Across], None],
    balancers: Sequence[Place] = (),
    without: Sequence[str] = (),
    watch: Callable[[str], Watch],
    stop: Stop | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> list[Deployed]:
    """Go back to the release before the current one, or to the kept release ``to``.

    ``to`` is a release id, a commit or the beginning of either.  Nothing is fetched or built.
    Several places, or one behind ``balancers``, go as in a deploy: all start the release beside
    theirs before the first is switched, and one that fails leaves all where they were.  Those that
    serve it already are left alone (``goback.py``).  Nodes ``without`` it get no visitors from the
    balancers until they are deployed to.
    ``agree`` is told what the database has gained since, and raises to stay where we are.
    Raises ``Failed``: ``nothing-to-roll-back``, ``release-unknown``, ``nodes-differ``.
    """
    migrating = app.migrating([place.node.name for place in places])
    many = Many(
        site,
        app,
        places,
        "",
        partial(_compiled, site),
        watch,
        site.state,
        on=lambda node, delivery, kept: delivery,
        balancers=balancers,
        members=[node.name for node in site.project.nodes_of(app)],
        away=without,
        stop=stop,
        say=say,
    )
    if len(places) == 1 and not balancers:
        return [_back_alone(many, places[0], to, agree)]
    chosen = choices(_kept_on(app, places), app, to)
    for node in migrating:
        agree(across_of(app, node, chosen[node]))
    return _back(many, chosen)


def _back(many: Many, chosen: Mapping[str, Mapping[str, Any]]) -> list[Deployed]:
    """Each node goes to the kept release that was chosen for it; who serves it already stays."""
    going = [place for place in many.places if not chosen[place.node.name].get("current")]
    if not going:
        return []
    back = replace(many, places=going, kept=chosen, first=[place.node.name for place in going])
    return [_deployed(one) for one in back.run()]


def _back_alone(many: Many, place: Place, to: str, agree: Callable[[Across], None]) -> Deployed:
    """One node without a balancer, in one run."""
    app, name = many.app, place.node.name
    with Session(place.transport, app=app.name) as session:
        recipes = recipes_for(many.site, place.node, "deploy")
        chosen = choices({name: session.releases}, app, to)[name]
        if name in app.migrating([name]):
            agree(across_of(app, name, chosen))
        return _deliver(
            many.site,
            place,
            session,
            kept_delivery(app, chosen),
            recipes,
            watch=many.watch(name),
            stop=many.stop,
        )


def _kept_on(app: App, places: Sequence[Place]) -> dict[str, list[Mapping[str, Any]]]:
    """The releases that each node keeps.  Raises what the first that cannot tell them raises."""
    told = abreast(places, lambda place, here: releases(place.transport, app))
    found = {}
    for place, answer in zip(places, told):
        if isinstance(answer, Exception):
            raise answer
        found[place.node.name] = answer
    return found


def releases(transport: Transport, app: App) -> list[Mapping[str, Any]]:
    """The releases that a node keeps, newest deployment first."""
    found = carry.ask(transport, ["releases", app.name], "releases")["releases"]
    return [entry for entry in found if isinstance(entry, dict)]


def _serving(kept: Sequence[Mapping[str, Any]], app: App) -> str:
    """The commit of the release that serves.  Raises ``Failed("nothing-serves")``."""
    commit = next((str(entry["commit"]) for entry in kept if entry.get("current")), "")
    if not commit:
        raise Failed(
            "nothing-serves",
            f"no release of {app.name} serves here yet",
            expected="a release whose commit can be deployed again",
            found="none",
            hint=f"toque deploy {app.name}",
        )
    return commit


def _deliver(
    site: Site,
    place: Place,
    session: Session,
    delivery: Delivery,
    recipes: Chosen | Apart,
    *,
    watch: Watch,
    stop: Stop | None,
) -> Deployed:
    """Carry a delivery to one node."""
    release, sent = _parcel(site, place, session, delivery, recipes)
    report = session.carry_out(sent, by=site.by, watch=watch, stop=stop)
    carry.succeeded(report, place.node.name)
    return Deployed(place.node.name, release.id, release.commit, delivery.source.subject, report)


def _compiled(
    site: Site, place: Place, session: Session, delivery: Delivery
) -> tuple[Release, carry.Parcel]:
    return _parcel(site, place, session, delivery, recipes_for(site, place.node, "deploy"))


def _parcel(
    site: Site, place: Place, session: Session, delivery: Delivery, recipes: Chosen | Apart
) -> tuple[Release, carry.Parcel]:
    """What to send; a release gets its id from what its plan would write."""
    ports = place.ports
    name = delivery.app.name
    # Before the environment is read, whose digests it keys.
    salt = "" if delivery.source.kept else site.store.get_or_make(f"{name}/{SALT}")
    inputs, files = inputs_for(site, place.node, session.facts, ports=ports, delivery=delivery)
    app, release = delivery.app.name, delivery.release
    if not delivery.source.kept:
        blank, _ = parcel(f"deploy {app}", recipes, inputs, files)
        release = release_of(app, release.commit, content_of(blank), salt=salt)
        inputs = replace(inputs, release=release)
    what = "rollback" if delivery.source.kept else "deploy"  # on record: node/deploys.py
    return release, parcel(f"{what} {app} {release.id}", recipes, inputs, files)[1]
