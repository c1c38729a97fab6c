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
from .across import Across, across_of
from .afterwards import PUT_BACK
from .converge import Session, StepError, Stop, Watch
from .lifecycle import (
    Delivery,
    content_of,
    delivery_of,
    inputs_for,
    kept_delivery,
    parcel,
    recipes_for,
    scratch_directory,
)
from .many import Many
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
    same: bool = False,
    allow_unsafe_migration: bool = False,
    balancers: Sequence[Place] = (),
    batch: str = "1",
    scale: Mapping[str, int] | None = None,
    watch: Callable[[str], Watch],
    stop: Stop | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> list[Deployed]:
    """Put ``ref`` (the app's branch when empty) of ``app`` on each place.

    With ``same`` each place gets the commit that it serves, with today's settings and variables.
    Several places, or one behind ``balancers``, go together, ``batch`` (``2``, ``50%``) of them at
    a time; ``say`` is told each move of theirs (``many.py``).  Migrations are run by the nodes that
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
            partial(_parcel, site),
            watch,
            Path(scratch),
            on=on,
            first=migrating,
            serving=partial(_serving, app=app) if same else None,
            batch=size,
            balancers=balancers,
            members=[node.name for node in site.project.nodes_of(app)],
            stop=stop,
            say=say,
        )
        if len(places) == 1 and not balancers:
            return [_alone(many, places[0])]
        return [
            Deployed(
                one.node,
                one.built.release.id,
                one.built.release.commit,
                one.built.delivery.source.subject,
                one.report,
            )
            for one in many.run()
        ]


def _alone(many: Many, place: Place) -> Deployed:
    """One node does it all in one run: nobody has to be waited for."""
    site, app, scratch = many.site, many.app, many.scratch
    name = place.node.name
    tell, stop = many.watch(name), many.stop
    try:
        with Session(place.transport, app=app.name) as session:
            known = [str(entry["commit"]) for entry in session.releases]
            ref = many.serving(session.releases) if many.serving else many.ref
            with opened(site, app, place) as repository:
                delivery = delivery_of(site, app, repository, ref=ref, scratch=scratch, known=known)
            numbers = session.scale
            delivery = many.on(name, delivery, numbers)
            return _deliver(site, place, session, delivery=delivery, watch=tell, stop=stop)
    except StepError as error:
        if error.code != "bundle-incomplete":
            raise
    with Session(place.transport) as session, opened(site, app, place) as repository:
        commit = delivery.release.commit
        delivery = delivery_of(site, app, repository, ref=commit, scratch=scratch)
        delivery = many.on(name, delivery, numbers)
        return _deliver(site, place, session, delivery=delivery, watch=tell, stop=stop)


def rollback(
    site: Site,
    app: App,
    places: Sequence[Place],
    *,
    to: str = "",
    agree: Callable[[Across], None],
    watch: Callable[[str], Watch],
    stop: Stop | None = None,
) -> list[Deployed]:
    """Go back to the release before the current one, or to the kept release ``to``.

    ``to`` is a release id, a commit or the beginning of either.  Nothing is fetched or built.
    ``agree`` is told what the database has gained since, and raises to stay where we are.
    Raises ``Failed("nothing-to-roll-back")``, ``Failed("release-unknown")``.
    """
    done = []
    migrating = app.migrating([place.node.name for place in places])
    for place in places:
        with Session(place.transport, app=app.name) as session:
            chosen = _chosen(session.releases, app, to)
            if place.node.name in migrating:
                agree(across_of(app, place.node.name, chosen))
            delivery = kept_delivery(app, chosen)
            tell = watch(place.node.name)
            done.append(_deliver(site, place, session, delivery=delivery, watch=tell, stop=stop))
    return done


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


def _chosen(kept: Sequence[Mapping[str, Any]], app: App, to: str) -> Mapping[str, Any]:
    if to:
        fits = [r for r in kept if str(r["id"]).startswith(to) or str(r["commit"]).startswith(to)]
        if len(fits) == 1:
            return fits[0]
        raise Failed(
            "release-unknown",
            f"{app.name} has {'several releases' if fits else 'no kept release'} {to}",
            expected="one of " + ", ".join(str(r["id"]) for r in kept) if kept else "a release",
            found=to,
            hint=f"toque releases {app.name}",
        )
    # A cut between the switch and its record leaves a current release without a time.
    now = next(
        (str(r["deployed_at"]) for r in kept if r.get("current") and r.get("deployed_at")), "~"
    )
    before = [
        r
        for r in kept
        if not r.get("current")
        and r.get("deployed_at")
        and str(r["deployed_at"]) <= now
        and r.get("verdict") != PUT_BACK
    ]
    if not before:
        raise Failed(
            "nothing-to-roll-back",
            f"there is no release of {app.name} before the current one",
            expected="a kept release that served before",
            found=f"{len(kept)} kept in all",
            hint=f"toque releases {app.name}",
        )
    return max(before, key=lambda r: str(r["deployed_at"]))


def _deliver(
    site: Site,
    place: Place,
    session: Session,
    *,
    delivery: Delivery,
    watch: Watch,
    stop: Stop | None,
) -> Deployed:
    """Carry a delivery to one node."""
    release, sent = _parcel(site, place, session, delivery)
    report = session.carry_out(sent, by=site.by, watch=watch, stop=stop)
    carry.succeeded(report, place.node.name)
    return Deployed(place.node.name, release.id, release.commit, delivery.source.subject, report)


def _parcel(
    site: Site, place: Place, session: Session, delivery: Delivery
) -> tuple[Release, carry.Parcel]:
    """What to send; a release gets its id from what its plan would write."""
    ports = place.ports
    name = delivery.app.name
    # Before the environment is read, whose digests it keys.
    salt = "" if delivery.source.kept else site.store.get_or_make(f"{name}/{SALT}")
    inputs, files = inputs_for(site, place.node, session.facts, ports=ports, delivery=delivery)
    recipes = recipes_for(site, place.node, "deploy")
    app, release = delivery.app.name, delivery.release
    if not delivery.source.kept:
        blank, _ = parcel(f"deploy {app}", recipes, inputs, files)
        release = release_of(app, release.commit, content_of(blank), salt=salt)
        inputs = replace(inputs, release=release)
    what = "rollback" if delivery.source.kept else "deploy"  # on record: node/deploys.py
    return release, parcel(f"{what} {app} {release.id}", recipes, inputs, files)[1]
